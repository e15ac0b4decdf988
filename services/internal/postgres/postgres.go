// Package postgres opens a service's database: a pool on the service's own schema, brought up to date by migrations that any number
// of replicas may start at once.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// startWait is how long Open waits for a database that is not up yet.
const startWait = 60 * time.Second

// Open makes a pool whose search path is the schema, which is made if it is missing (and the role may). It waits up to a minute for
// the database to answer. maxConns bounds the pool. The caller closes the pool.
func Open(ctx context.Context, dsn, schema string, maxConns int32) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the DSN of the database cannot be parsed") // pgx's error may quote the DSN, which holds a password.
	}
	cfg.MaxConns = maxConns
	cfg.ConnConfig.RuntimeParams["search_path"] = schema
	cfg.ConnConfig.RuntimeParams["application_name"] = "moim-" + schema
	// A replica that froze, or whose network is gone, holds locks for no longer than this.
	cfg.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "10s"
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := await(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	if err := createSchema(ctx, pool, schema); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

func await(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for logged := false; ; logged = true {
		err := pool.Ping(ctx)
		if err == nil {
			return nil
		}
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code[:2] == "28" { // Wrong password or unknown role: waiting does not help.
			return fmt.Errorf("log in to the database: %w", err)
		}
		if !logged {
			slog.WarnContext(ctx, "waiting for the database", "err", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the database did not answer in %s: %w", startWait, err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func createSchema(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	var exists bool
	if err := pool.QueryRow(ctx, `SELECT to_regnamespace($1) IS NOT NULL`, schema).Scan(&exists); err != nil {
		return fmt.Errorf("look for schema %s: %w", schema, err)
	}
	if exists {
		return nil
	}
	_, err := pool.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+pgx.Identifier{schema}.Sanitize())
	if err != nil && !IsUnique(err, "") { // Two replicas at once: one of them gets the unique violation.
		return fmt.Errorf("create schema %s: %w", schema, err)
	}
	return nil
}

// Migrate applies the migrations below migrations/ of files that were not applied yet. What was is kept in the table
// <name>_version, so that a schema can hold several sets. A lock of the session lets one replica migrate while the others wait.
func Migrate(ctx context.Context, pool *pgxpool.Pool, name string, files fs.FS) error {
	dir, err := fs.Sub(files, "migrations")
	if err != nil {
		return fmt.Errorf("migrate %s: %w", name, err)
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
	if err != nil {
		return fmt.Errorf("migrate %s: %w", name, err)
	}
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }() // Gives the pool back and can't fail.
	provider, err := goose.NewProvider(goose.DialectPostgres, db, dir,
		goose.WithSessionLocker(locker), goose.WithTableName(name+"_version"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrate %s: %w", name, err)
	}
	done, err := provider.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", name, err)
	}
	for _, m := range done {
		slog.InfoContext(ctx, "migrated", "set", name, "migration", m.Source.Path, "took", m.Duration)
	}
	return nil
}

// IsUnique says whether err is the violation of a unique constraint: of the one named, or of any when the name is empty.
func IsUnique(err error, constraint string) bool {
	return violates(err, "23505", constraint)
}

// IsCheck says whether err is the violation of the check constraint named.
func IsCheck(err error, constraint string) bool {
	return violates(err, "23514", constraint)
}

func violates(err error, state, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == state && (constraint == "" || pg.ConstraintName == constraint)
}
