package suite

import "testing"

// trial is a test of the suite.
type trial struct {
	name string
	run  func(t *testing.T)
}

func run(t *testing.T, trials []trial) {
	for _, trial := range trials {
		t.Run(trial.name, trial.run)
	}
}

// Soak runs what is done a great many times, and a tenth of that in the short form.
func (d *Database) Soak(t *testing.T) {
	run(t, []trial{
		{"MixedCallsWithRandomCancels", d.mixedCallsWithRandomCancels},
		{"NoRowAndNoSettingReachesAnother", d.noRowAndNoSettingReachesAnother},
		{"EveryCallReturnsInTimeFromABlackhole", d.everyCallReturnsInTimeFromABlackhole},
		{"ConnectionsCutAtARandomByte", d.connectionsCutAtARandomByte},
		{"SessionsEndedByAnAdministrator", d.sessionsEndedByAnAdministrator},
		{"TheServerIsKilledUnderLoad", d.theServerIsKilledUnderLoad},
		{"ReloadsUnderLoadFailNoCall", d.reloadsUnderLoadFailNoCall},
		{"ALostReplyIsNeverWrittenTwice", d.aLostReplyIsNeverWrittenTwice},
		{"ALostReplyToExecuteManyIsNeverWrittenTwice", d.aLostReplyToExecuteManyIsNeverWrittenTwice},
		{"ALostReplyToAnUpdateOrDeleteIsNotRepeated", d.aLostReplyToAnUpdateOrDeleteIsNotRepeated},
		{"ALostReplyToCommitIsNeverReplayed", d.aLostReplyToCommitIsNeverReplayed},
		{"Deadlocks", d.deadlocks},
		{"LocksThatAreNotToBeHad", d.locksThatAreNotToBeHad},
	})
}

// Promises runs what needs no fault to be shown.
func (d *Database) Promises(t *testing.T) {
	run(t, []trial{
		{"FiveOfFiveAreRefusedByDefault", d.fiveOfFiveAreRefusedByDefault},
		{"ModesOfTLS", d.modesOfTLS},
		{"TheURLOfTheServerIsVerified", d.theURLOfTheServerIsVerified},
		{"AServerThatInsistsOnTLSGetsItOnThisMachineToo", d.aServerThatInsistsOnTLSGetsItOnThisMachineToo},
		{"AKeyThatOthersCanReadIsRefused", d.aKeyThatOthersCanReadIsRefused},
		{"NothingWritesUnderAReadOnlyContext", d.nothingWritesUnderAReadOnlyContext},
		{"WritesWhereOnlyReadingWasAskedForKeepTheConnection", d.writesWhereOnlyReadingWasAskedForKeepTheConnection},
		{"WithGivesTheConnectionBackAsNew", d.withGivesTheConnectionBackAsNew},
		{"ManyRowsAreAllThereOrNone", d.manyRowsAreAllThereOrNone},
		{"RowsThatEndWhileOthersAreUnderWayLeaveNothing", d.rowsThatEndWhileOthersAreUnderWayLeaveNothing},
		{"ManyRowsEndWithTheirContext", d.manyRowsEndWithTheirContext},
	})
}

// Faults runs what needs no great number to be shown.
func (d *Database) Faults(t *testing.T) {
	run(t, []trial{
		{"ASessionThatEndedWhileItWasIdleIsNotWrittenTo", d.aSessionThatEndedWhileItWasIdleIsNotWrittenTo},
		{"ASessionIsInStepAfterItsAnswerWasLate", d.aSessionIsInStepAfterItsAnswerWasLate},
		{"ALostReplyBeforeCommitIsReplayed", d.aLostReplyBeforeCommitIsReplayed},
		{"BeginTravelsWithTheFirstStatement", d.beginTravelsWithTheFirstStatement},
		{"ALostReplyToAReadIsAskedForAgain", d.aLostReplyToAReadIsAskedForAgain},
		{"ACancelledStatementLeavesItsConnectionToBeUsed", d.aCancelledStatementLeavesItsConnectionToBeUsed},
		{"ABigResultIsNotReadToItsEndToBeClosed", d.aBigResultIsNotReadToItsEndToBeClosed},
		{"CloseCutsWhatRuns", d.closeCutsWhatRuns},
		{"AReadThatWritesIsNeverAppliedTwice", d.aReadThatWritesIsNeverAppliedTwice},
		{"ASessionThatIsEndedIsReplaced", d.aSessionThatIsEndedIsReplaced},
	})
}
