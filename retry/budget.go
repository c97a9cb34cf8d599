package retry

import "sync/atomic"

// What a Budget holds, takes and gets back. The numbers are the retry quota of the AWS SDKs (aws-sdk-go-v2,
// aws/retry/standard.go and its DefaultRetryRateTokens, DefaultRetryCost, DefaultRetryTimeoutCost and
// DefaultNoRetryIncrement), except that a success gives back 1 whether or not it was a retry.
const (
	BudgetTokens = 500 // held at first and at most
	RetryCost    = 5   // taken by a retry
	TimeoutCost  = 10  // taken by a retry of what timed out
	SuccessGain  = 1   // given back by a call that succeeded
)

// Budget keeps retries from making an outage worse: a bucket of tokens that retries empty and successes fill. If
// everything fails, 500 tokens are good for 100 retries, and then each call is tried once. While calls succeed, one
// retry for every five of them goes on for ever.
//
// The zero Budget is full and has the numbers above. A Budget may be used by any number of goroutines, without a lock;
// it must not be copied.
type Budget struct {
	tokens int64        // at most; 0: BudgetTokens
	spent  atomic.Int64 // of them, so that the zero Budget is full
	paid   atomic.Uint64
	denied atomic.Uint64
}

// NewBudget returns a full bucket of tokens; 0 or less means BudgetTokens.
func NewBudget(tokens int) *Budget { return &Budget{tokens: max(0, int64(tokens))} }

// BudgetStats is what a Budget has done so far.
type BudgetStats struct {
	Tokens   int64  // left
	Capacity int64  // tokens when full
	Retries  uint64 // paid for, those that were then cancelled in the pause included
	Denied   uint64 // refused, for want of tokens
}

// Stats returns what the budget holds and what it has done. The numbers are read one after the other, not at one
// instant. A nil Budget has nothing.
func (b *Budget) Stats() BudgetStats {
	if b == nil {
		return BudgetStats{}
	}
	return BudgetStats{
		Tokens: b.capacity() - b.spent.Load(), Capacity: b.capacity(),
		Retries: b.paid.Load(), Denied: b.denied.Load(),
	}
}

func (b *Budget) capacity() int64 {
	if b.tokens == 0 {
		return BudgetTokens
	}
	return b.tokens
}

// take pays for one retry, and reports false if it can't.
func (b *Budget) take(cost int64) bool {
	if b == nil {
		return true
	}
	for {
		spent := b.spent.Load()
		if spent+cost > b.capacity() {
			b.denied.Add(1)
			return false
		}
		if b.spent.CompareAndSwap(spent, spent+cost) {
			b.paid.Add(1)
			return true
		}
	}
}

// succeeded gives back what a success earns.
func (b *Budget) succeeded() { b.giveBack(SuccessGain) }

// giveBack returns tokens to the bucket. A full bucket, which is the rule, costs one load.
func (b *Budget) giveBack(tokens int64) {
	if b == nil {
		return
	}
	for spent := b.spent.Load(); spent > 0; spent = b.spent.Load() {
		if b.spent.CompareAndSwap(spent, max(0, spent-tokens)) {
			return
		}
	}
}
