//go:build !race

package stack

// raceEnabled says that the tests run with Go's race detector, as the services they start then should.
const raceEnabled = false
