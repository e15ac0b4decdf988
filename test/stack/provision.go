package stack

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// provision makes the database and, for each app, a role that owns a schema of its own and may do nothing else.
func (s *Stack) provision(ctx context.Context, apps []string) error {
	maintenance := strings.Replace(s.DSN("postgres"), "/"+databaseName, "/postgres", 1)
	if err := inDatabase(ctx, maintenance, func(conn *pgx.Conn) error {
		var exists bool
		if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", databaseName).Scan(&exists); err != nil {
			return err
		}
		if exists {
			return nil
		}
		_, err := conn.Exec(ctx, "CREATE DATABASE "+databaseName)
		return err
	}); err != nil {
		return fmt.Errorf("create the database %s: %w", databaseName, err)
	}

	return inDatabase(ctx, s.DSN("postgres"), func(conn *pgx.Conn) error {
		lockDown := "REVOKE ALL ON DATABASE " + databaseName + " FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC"
		if _, err := conn.Exec(ctx, lockDown); err != nil {
			return fmt.Errorf("close the database to the public: %w", err)
		}
		for _, app := range apps {
			password := s.secrets[app]["password"]
			if password == "" {
				continue // the app has no database
			}
			if err := provisionApp(ctx, conn, app, password); err != nil {
				return fmt.Errorf("provide the database for %s: %w", app, err)
			}
		}
		return nil
	})
}

func provisionApp(ctx context.Context, conn *pgx.Conn, app, password string) error {
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", app).Scan(&exists); err != nil {
		return err
	}
	name := pgx.Identifier{app}.Sanitize() // "user" is a word of SQL's
	statements := []string{
		"ALTER ROLE " + name + " LOGIN PASSWORD '" + password + "'", // letters and digits
		"ALTER ROLE " + name + " SET search_path = " + name,
		"GRANT CONNECT ON DATABASE " + databaseName + " TO " + name,
		"CREATE SCHEMA IF NOT EXISTS " + name + " AUTHORIZATION " + name,
	}
	if !exists {
		statements = append([]string{"CREATE ROLE " + name}, statements...)
	}
	_, err := conn.Exec(ctx, strings.Join(statements, ";"))
	return err
}

func inDatabase(ctx context.Context, dsn string, f func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connect to Postgres: %w", err)
	}
	defer conn.Close(ctx)
	return f(conn)
}
