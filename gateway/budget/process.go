package budget

import "time"

// Limits are those of one process.
type Limits struct {
	Memory int64         // bytes that documents may take, in all their forms
	Calls  int           // calls that are answered at once
	Wait   time.Duration // how long a call waits for room, for each thing that it needs
	Body   time.Duration // how long a call's message may take to come in
	Disk   float64       // the part of the disk in use from which on nothing new is taken
	// Attachment is how many bytes an image or a scan may have that an office hands in.
	Attachment int64
	// Searches is how often within an hour one caller may look for what is announced to other offices.
	Searches int
}

// Default are the limits where nothing else is said.
var Default = Limits{Memory: 128 << 20, Calls: 32, Wait: 2 * time.Second, Body: 30 * time.Second, Disk: 0.9, Attachment: 32 << 20, Searches: 30}

// WorkFactor is how many bytes of memory one byte of a document takes while it is judged
// and translated, at most and C's included: measured, with the trace of every value.
// WorkBase is what a document takes however small it is.
const (
	WorkFactor = 16
	WorkBase   = 64 << 10
)

// Process is the budget of one process: whatever is done for whomever takes of it.
type Process struct {
	Limits     Limits
	Calls      *Pool // calls that are answered
	Watches    *Pool // streams that wait for news: they last, and so have room of their own
	Bodies     *Pool // bytes that have come in and wait for their work, or are worked on
	Work       *Pool // bytes that judging and translating takes: of those who hold a body, too
	Deliveries *Pool // bytes on their way to partners
}

// New divides the limits: of the memory five eighths are for work, a quarter for what
// comes in and an eighth for what goes out. Who works never waits for a body, and who
// holds a body waits for work only, so that nobody waits for each other.
func New(l Limits) *Process {
	return &Process{
		Limits:     l,
		Calls:      NewPool("calls", int64(l.Calls), l.Wait),
		Watches:    NewPool("watches", 4*int64(l.Calls), 0),
		Bodies:     NewPool("bodies", l.Memory/4, l.Wait),
		Work:       NewPool("work", l.Memory*5/8, l.Wait),
		Deliveries: NewPool("deliveries", l.Memory/8, l.Wait),
	}
}

// Usage returns what is in use of everything.
func (p *Process) Usage() []Usage {
	return []Usage{p.Calls.Usage(), p.Watches.Usage(), p.Bodies.Usage(), p.Work.Usage(), p.Deliveries.Usage()}
}
