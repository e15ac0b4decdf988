package main

import (
	"fmt"
	"os"
	"time"

	"moim.dev/moim/test/load"
)

// others sees how busy other programs keep the machine, which is part of every figure.
type others struct {
	began time.Time
	cpu   time.Duration
}

func seeOthers() (others, error) {
	cpu, err := othersCPU()
	return others{time.Now(), cpu}, err
}

func (o others) note(report *report) error {
	cpu, err := othersCPU()
	if err != nil {
		return err
	}
	report.note(fmt.Sprintf("Meanwhile other programs kept %.1f processors busy.", max(cpu-o.cpu, 0).Seconds()/time.Since(o.began).Seconds()))
	return nil
}

// othersCPU is what programs have used that this one didn't start.
func othersCPU() (time.Duration, error) {
	machine, err := load.Machine()
	if err != nil {
		return 0, err
	}
	own, err := load.Processes(os.Getpid())
	return machine - own.CPU, err
}
