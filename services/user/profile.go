package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"
	"golang.org/x/text/language"

	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/profile"
	"moim.dev/moim/services/internal/text"
	"moim.dev/moim/services/internal/token"
)

var errNoProfile = problem.NotFound(problem.CodeNotFound, "There is no such user.")

// Profile is what a user shows.
type Profile struct {
	UserID        string    `json:"userId" example:"mina"`
	Name          string    `json:"name" example:"Mina"`
	ImageURL      string    `json:"imageUrl" doc:"Empty: no image." example:"https://images.example/mina.png"`
	Locale        string    `json:"locale" doc:"A language tag of BCP 47; empty: as the browser says." example:"ko-KR"`
	StatusMessage string    `json:"statusMessage" example:"Reading"`
	UpdatedAt     time.Time `json:"updatedAt"`
}

type profileOutput struct {
	Body Profile
}

func (s *service) mine(ctx context.Context, _ *struct{}) (*profileOutput, error) {
	return s.find(ctx, token.From(ctx).ID)
}

type profileInput struct {
	UserID string `path:"userId" maxLength:"32" pattern:"^[a-z0-9._-]+$"`
}

func (s *service) get(ctx context.Context, in *profileInput) (*profileOutput, error) {
	return s.find(ctx, in.UserID)
}

func (s *service) find(ctx context.Context, id string) (*profileOutput, error) {
	p := Profile{UserID: id}
	err := s.db.QueryRow(ctx, `SELECT name, image_url, locale, status_message, updated_at FROM profiles WHERE user_id = $1`, id).
		Scan(&p.Name, &p.ImageURL, &p.Locale, &p.StatusMessage, &p.UpdatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errNoProfile
	}
	if err != nil {
		return nil, fmt.Errorf("read profile of %s: %w", id, err)
	}
	p.UpdatedAt = p.UpdatedAt.UTC()
	return &profileOutput{p}, nil
}

// Change is what a user may change; nil leaves a field as it is.
type Change struct {
	Name          *string `json:"name,omitempty" minLength:"1" maxLength:"40" pattern:"^[^\\x00-\\x1f\\x7f]*[^\\s\\x00-\\x1f\\x7f][^\\x00-\\x1f\\x7f]*$" patternDescription:"a line of text"`
	ImageURL      *string `json:"imageUrl,omitempty" maxLength:"500" doc:"An https URL, or empty to have no image."`
	Locale        *string `json:"locale,omitempty" maxLength:"35" doc:"A language tag of BCP 47, or empty to follow the browser."`
	StatusMessage *string `json:"statusMessage,omitempty" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"a line of text"`
}

// Resolve checks and normalises what a JSON schema can't.
func (c *Change) Resolve(_ huma.Context, at *huma.PathBuffer) (errs []error) {
	refuse := func(field, message string, value any) {
		errs = append(errs, &huma.ErrorDetail{Location: at.With(field), Message: message, Value: value})
	}
	line := func(field string, value *string) {
		one, err := text.Line(*value)
		if err != nil {
			refuse(field, err.Error(), *value)
		}
		*value = one
	}
	if c.Name != nil {
		line("name", c.Name)
	}
	if c.StatusMessage != nil && *c.StatusMessage != "" {
		line("statusMessage", c.StatusMessage)
	}
	if c.ImageURL != nil && *c.ImageURL != "" {
		u, err := url.Parse(*c.ImageURL)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
			refuse("imageUrl", "expected an https URL", *c.ImageURL)
		} else {
			*c.ImageURL = u.String()
		}
	}
	if c.Locale != nil && *c.Locale != "" {
		tag, err := language.Parse(*c.Locale)
		if err != nil || tag == language.Und {
			refuse("locale", "expected a language tag of BCP 47, such as ko or en-US", *c.Locale)
		} else {
			*c.Locale = tag.String()
		}
	}
	return errs
}

type changeInput struct {
	Body Change
}

func (s *service) change(ctx context.Context, in *changeInput) (*profileOutput, error) {
	p := Profile{UserID: token.From(ctx).ID}
	err := s.out.InTx(ctx, func(tx pgx.Tx) error {
		var visible bool // The change is to be seen where copies are.
		now := profile.Changed{UserID: p.UserID}
		err := tx.QueryRow(ctx, `WITH old AS (SELECT * FROM profiles WHERE user_id = $1 FOR UPDATE)
			UPDATE profiles p SET name = COALESCE($2, p.name), image_url = COALESCE($3, p.image_url), locale = COALESCE($4, p.locale),
				status_message = COALESCE($5, p.status_message), version = p.version + 1, updated_at = now()
			FROM old WHERE p.user_id = old.user_id
			RETURNING p.name, p.image_url, p.locale, p.status_message, p.updated_at, p.version,
				(p.name, p.image_url) <> (old.name, old.image_url)`,
			p.UserID, in.Body.Name, in.Body.ImageURL, in.Body.Locale, in.Body.StatusMessage,
		).Scan(&p.Name, &p.ImageURL, &p.Locale, &p.StatusMessage, &p.UpdatedAt, &now.Version, &visible)
		if errors.Is(err, pgx.ErrNoRows) {
			return errNoProfile
		}
		if err != nil {
			return fmt.Errorf("change profile of %s: %w", p.UserID, err)
		}
		if !visible {
			return nil
		}
		now.Name, now.ImageURL = p.Name, p.ImageURL
		return s.out.Add(ctx, tx, outbox.Event{Topic: profile.TopicChanged, Key: p.UserID, Data: now})
	})
	if err != nil {
		return nil, err
	}
	p.UpdatedAt = p.UpdatedAt.UTC()
	return &profileOutput{p}, nil
}
