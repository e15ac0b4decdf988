// Package page is paging by cursor: an opaque text that says where the next page begins.
package page

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"moim.dev/moim/services/internal/problem"
)

// Query is what a list takes. It is embedded in the input of an operation.
type Query struct {
	Cursor string `query:"cursor" maxLength:"512" doc:"The nextCursor of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"30" doc:"How many items at most."`
}

// List is what a list answers.
type List[T any] struct {
	Items      []T    `json:"items" nullable:"false"`
	NextCursor string `json:"nextCursor,omitempty" doc:"Absent on the last page."`
}

// Encode makes a cursor of the last item's sort key.
func Encode(key any) string {
	b, err := json.Marshal(key)
	if err != nil {
		panic("page: a cursor that is no JSON: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// Decode reads a cursor into key and leaves key alone when there is none. A cursor that Encode did not make is a problem.
func (q Query) Decode(key any) error {
	if q.Cursor == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	if err == nil {
		err = json.Unmarshal(b, key)
	}
	if err != nil || bytes.Contains(b, []byte(`\u0000`)) { // No store has a NUL in a key.
		return problem.Field("query.cursor", "expected the nextCursor of an earlier page")
	}
	return nil
}

// Of makes a page of rows of which one more than limit was asked for: whether that one came says whether there is another page.
func Of[T any](rows []T, limit int, key func(T) any) List[T] {
	if len(rows) <= limit {
		if rows == nil {
			rows = []T{}
		}
		return List[T]{Items: rows}
	}
	return List[T]{Items: rows[:limit], NextCursor: Encode(key(rows[limit-1]))}
}
