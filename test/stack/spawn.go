package stack

import (
	"os/exec"
	"runtime"
)

// spawner starts programs from one thread of the operating system that lives as long as the spawner: Linux tells a child that its
// parent died when the thread that made it ends, and Go would end that thread whenever it likes.
type spawner chan func()

func newSpawner() spawner {
	s := make(spawner)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		for f := range s {
			f()
		}
	}()
	return s
}

// start is cmd.Start on the spawner's thread.
func (s spawner) start(cmd *exec.Cmd) error {
	err := make(chan error)
	s <- func() { err <- cmd.Start() }
	return <-err
}
