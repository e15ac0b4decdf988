package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moim.dev/moim/test/load"
)

func TestFigureAndItsBar(t *testing.T) {
	for name, test := range map[string]struct {
		value float64
		bar   bar
		want  row
	}{
		"without a bar":             {5, noBar, row{"a", "b", "5.0 ms", "", ""}},
		"as high as it should be":   {30, atLeast(30), row{"a", "b", "30.0 ms", "≥ 30.0 ms", "reached"}},
		"lower than it should be":   {29.9, atLeast(30), row{"a", "b", "29.9 ms", "≥ 30.0 ms", "MISSED by 0.3 %"}},
		"as low as it should be":    {30, atMost(30), row{"a", "b", "30.0 ms", "≤ 30.0 ms", "reached"}},
		"higher than it should be":  {30.1, atMost(30), row{"a", "b", "30.1 ms", "≤ 30.0 ms", "MISSED by 0.3 %"}},
		"as low as nothing at all":  {0, atMost(30), row{"a", "b", "0.0 ms", "≤ 30.0 ms", "reached"}},
		"nothing, where much is to": {0, atLeast(30), row{"a", "b", "0.0 ms", "≥ 30.0 ms", "MISSED by 100.0 %"}},
	} {
		t.Run(name, func(t *testing.T) {
			var r report
			r.add("a", "b", "%.1f ms", test.value, test.bar)
			if diff := cmp.Diff([]row{test.want}, r.rows, cmp.AllowUnexported(row{})); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func TestComparisonNeedsBoth(t *testing.T) {
	var h load.Histogram
	h.Record(time.Millisecond, 1)
	moim := flow{deliveries: 1000, elapsed: 1, cpu: [2]float64{0.1, 0.5}, latency: &h}
	rabbit := flow{deliveries: 100, elapsed: 1, cpu: [2]float64{1, 1}, latency: &h}
	moimTalk, rabbitTalk := talk{&h, &h, 300}, talk{&h, &h, 100}
	for name, test := range map[string]struct {
		report report
		want   []string
	}{
		"neither":          {report{}, nil},
		"only Moim":        {report{moim: moim, moimPaced: moim}, nil},
		"only RabbitMQ":    {report{rabbit: rabbit, rabbitPaced: rabbit}, nil},
		"only Moim's chat": {report{moimTalk: moimTalk}, nil},
		"both chats":       {report{moimTalk: moimTalk, rabbitTalk: rabbitTalk}, []string{"3.00 ×", "1.00 ×", "1.00 ×"}},
		"both":             {report{moim: moim, moimPaced: moim, rabbit: rabbit, rabbitPaced: rabbit}, []string{"10.0 ×", "20.0 ×", "20.0 ×", "1.00 ×"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.report.compare()
			var got []string
			for _, r := range test.report.rows {
				got = append(got, r.value)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("ratios (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFailedScenarioHasNoFigure(t *testing.T) {
	root := t.TempDir()
	var r report
	r.fail("fan-out", errors.New("message 2 came where 1 had to follow"))
	if err := r.print(root); err == nil {
		t.Error("no error for a failed scenario")
	}
	written, err := filepath.Glob(filepath.Join(root, ".moim", "bench", "*.md"))
	if err != nil || len(written) != 1 {
		t.Fatalf("written: %v, %v", written, err)
	}
	content, err := os.ReadFile(written[0])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), "| fan-out | FAILED | message 2 came where 1 had to follow |") {
		t.Errorf("the report lacks the failure:\n%s", content)
	}
}
