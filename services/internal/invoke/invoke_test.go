package invoke

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"moim.dev/moim/services/internal/problem"
)

func TestJSON(t *testing.T) {
	sidecar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("dapr-api-token") != "secret" {
			t.Error("the call does not carry the sidecar's token")
		}
		switch r.URL.EscapedPath() + "?" + r.URL.RawQuery {
		case "/v1.0/invoke/chat/method/echo?a=1":
			var in map[string]string
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Method != http.MethodPost {
				t.Errorf("%s, body %v, %v", r.Method, in, err)
			}
			_ = json.NewEncoder(w).Encode(in)
		case "/v1.0/invoke/chat/method/full?":
			problem.Write(w, problem.Conflict("room_full", "full"), "r1")
		case "/v1.0/invoke/gone/method/x?":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(`{"errorCode":"ERR_DIRECT_INVOKE","message":"failed to resolve"}`))
		default:
			t.Errorf("unexpected %s", r.URL)
		}
	}))
	defer sidecar.Close()
	c := NewClient(strings.TrimPrefix(sidecar.URL, "http://"), "secret", "")

	out := map[string]string{}
	if err := JSON(t.Context(), c, http.MethodPost, "http://chat/echo?a=1", map[string]string{"k": "v"}, &out); err != nil || out["k"] != "v" {
		t.Errorf("echo: %v, %v", out, err)
	}
	for url, want := range map[string]string{"http://chat/full": "room_full", "http://gone/x": problem.CodeUnavailable} {
		var p *problem.Error
		if err := JSON(t.Context(), c, http.MethodGet, url, nil, nil); !errors.As(err, &p) || p.Code != want {
			t.Errorf("%s: %v, want %s", url, err, want)
		}
	}
}
