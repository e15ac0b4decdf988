package main

import "testing"

func TestWatchersNeverWait(t *testing.T) {
	w := newWatchers()
	wake, stop := w.watch("one")
	for range 3 {
		w.wake("one")
		w.wakeAll()
	}
	<-wake
	w.wake("another")
	select {
	case <-wake:
		t.Error("woken for another saga, or twice for what was one look")
	default:
	}
	w.wake("one")
	<-wake
	stop()
	if len(w.all) != 0 {
		t.Errorf("%d sagas are still watched", len(w.all))
	}
}
