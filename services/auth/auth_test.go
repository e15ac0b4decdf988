package main

import (
	"strconv"
	"testing"
	"time"
)

const (
	signupsPerAddress = 12
	sagaTimeout       = 3 * time.Second
)

// TestAuth runs two replicas of auth on a real database, broker and state store.
func TestAuth(t *testing.T) {
	f := newFixture(t, map[string]string{"MOIM_SAGA_TIMEOUT": sagaTimeout.String(), "MOIM_SIGNUPS_PER_ADDRESS": strconv.Itoa(signupsPerAddress)})

	t.Run("a signup streams each answer", f.streamsAnswers)
	t.Run("input that breaks a rule is a problem and no stream", f.refusesInput)
	t.Run("an id that is taken is refused", f.refusesTakenID)
	t.Run("a repetition of a signup gets its stream", f.answersRepetition)
	t.Run("of two signups with one id exactly one wins", f.letsOneOfTwoWin)
	t.Run("an account outlives a participant's refusal", f.keepsAccount)
	t.Run("a participant that does not answer is shown as late, and its answer then counts", f.showsWhoIsLate)
	t.Run("a stream misses nothing while the database was away", f.hearsAgain)
	t.Run("a saga is seen only by who knows its id", f.knowsNoOtherSaga)
	t.Run("the right password logs in", f.logsIn)
	t.Run("the refresh cookie is for the browser's eyes only", f.setsCookie)
	t.Run("each renewal replaces the refresh token", f.rotates)
	t.Run("a refresh token used again ends its session", f.findsReuse)
	t.Run("tabs that renew at once all go on", f.forgivesRace)
	t.Run("a logout is known at the other replica", f.logsOut)
	t.Run("sessions are listed and ended by their user alone", f.listsSessions)
	t.Run("the address is the one that the gateway saw", f.knowsAddress)
	t.Run("a new password ends the other sessions", f.changesPassword)
	t.Run("a login that a new password overtakes is none", f.overtakesLogin)
	t.Run("a user has so many sessions at most", f.boundsSessions)
	t.Run("a new name is in the tokens that follow", f.followsNames)
	t.Run("a hash with old parameters is replaced at login", f.hashesAnew)
	t.Run("a deleted account is gone everywhere and its id stays taken", f.deletesAccount)
	t.Run("administrators see users and sagas", f.administrates)

	t.Run("keys are published before they sign and until their tokens have ended", f.rotatesKeys)
	t.Run("keys are opened by their secret alone", f.sealsKeys)
	t.Run("both replicas publish the same keys", f.publishesKeys)

	t.Run("attempts are counted over all replicas", f.countsAttempts)
	t.Run("who guesses at an account is stopped and its owner is not", f.limitsLogins)
	t.Run("who guesses from everywhere is stopped and a familiar owner is not", f.limitsNetworks)
	t.Run("signups of one address are limited", f.limitsSignups)

	t.Run("settings are followed at once and by both replicas", f.followsSettings)

	t.Run("no secret is in events, records or logs", f.keepsSecrets)
	t.Run("what a replica is at when it drains it does to its end", f.finishesEvents)
	t.Run("a stream goes on at the other replica when its own is killed", f.resumesElsewhere)
	t.Run("a stream goes on at the other replica when its own drains", f.endsWhenDraining)
	t.Run("without the state store nobody signs up and a logout is made up for", f.survivesOutage)
}

// TestStrict: a signup succeeds as a whole or not at all.
func TestStrict(t *testing.T) {
	f := newFixture(t, map[string]string{"MOIM_SAGA_TIMEOUT": sagaTimeout.String(), "MOIM_SIGNUP_MODE": "strict"})

	t.Run("an account opens when all have succeeded", f.opensAccount)
	t.Run("what a participant refuses is undone everywhere", f.undoesRefused)
	t.Run("what is not answered in time is undone everywhere, also what is answered later", f.undoesLate)
	t.Run("a saga whose replica died is ended by the other", f.endsOrphans)
	t.Run("a record that the state store lost counts as not answered", f.endsLost)
	t.Run("a record that the state store lost while it was undone stays undone", f.staysUndone)
	t.Run("an account that is deleted stays deleted", f.deletesAccount)
}
