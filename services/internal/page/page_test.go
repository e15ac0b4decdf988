package page

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moim.dev/moim/services/internal/problem"
)

func TestOf(t *testing.T) {
	key := func(n int) any { return n }
	for name, test := range map[string]struct {
		rows  []int
		limit int
		want  List[int]
	}{
		"nothing is an empty list":              {nil, 2, List[int]{Items: []int{}}},
		"as many as asked for is the last page": {[]int{1, 2}, 2, List[int]{Items: []int{1, 2}}},
		"one more than asked for means go on":   {[]int{1, 2, 3}, 2, List[int]{Items: []int{1, 2}, NextCursor: Encode(2)}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Of(test.rows, test.limit, key)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCursor(t *testing.T) {
	got := "unchanged"
	if err := (Query{}).Decode(&got); err != nil || got != "unchanged" {
		t.Errorf("no cursor: %v, %q", err, got)
	}
	if err := (Query{Cursor: Encode("after this")}).Decode(&got); err != nil || got != "after this" {
		t.Errorf("a cursor of ours: %v, %q", err, got)
	}
	for _, bad := range []string{"!", "bm90IGpzb24", Encode(12), Encode("a\x00")} {
		err := Query{Cursor: bad}.Decode(&got)
		var p *problem.Error
		if !errors.As(err, &p) || p.Status != 422 || p.Errors[0].Field != "query.cursor" {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
}
