package settings

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rule reads a value as the store has it. Its error says what is expected.
type Rule[T any] func(raw string) (T, error)

// OneOf allows these words.
func OneOf(words ...string) Rule[string] {
	return func(raw string) (string, error) {
		if !slices.Contains(words, raw) {
			return "", errors.New("expected " + strings.Join(words, " or "))
		}
		return raw, nil
	}
}

// Between allows durations as Go writes them (1m30s), from least to most.
func Between(least, most time.Duration) Rule[time.Duration] {
	return func(raw string) (time.Duration, error) {
		d, err := time.ParseDuration(raw)
		if err != nil || d < least || d > most {
			return 0, fmt.Errorf("expected a duration from %s to %s, such as 30s", least, most)
		}
		return d, nil
	}
}

// MaxLimit is the largest number that a limit may be set to.
const MaxLimit = 1_000_000

// Limit allows whole numbers from 1 to MaxLimit.
func Limit[T int | float64](raw string) (T, error) {
	n, err := strconv.Atoi(raw)
	if err != nil || n < 1 || n > MaxLimit {
		return 0, fmt.Errorf("expected a whole number from 1 to %d", MaxLimit)
	}
	return T(n), nil
}
