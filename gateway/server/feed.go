package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	"customs.example/gateway"
)

const (
	// FeedInterval is the least time between two looks for what has changed, however fast
	// others commit.
	FeedInterval = 5 * time.Millisecond
	// MaxNews is how many changes wait for one watcher at most. Who is slower is passed by,
	// and reads what it has missed when it comes to it.
	MaxNews = 256
)

// feed reads what changes once for all who watch it. It reads while anybody does.
type feed[T any] struct {
	// changed returns a channel that is closed at the next commit.
	changed func() <-chan struct{}
	// last returns the number of the last commit, from which on it is read: where one watcher
	// wants to begin is nothing to the others.
	last func(ctx context.Context) (gateway.Commit, error)
	// read returns what changed after a commit, in order: some of it, and nothing only if
	// there is nothing. What changed in one commit MUST stand in one answer.
	read   func(ctx context.Context, offices []string, after gateway.Commit) ([]T, error)
	commit func(T) gateway.Commit
	office func(T) string // whose it is; nil: everybody's

	mu       sync.Mutex
	watchers map[*watcher[T]]bool
	reading  *reading       // what reads for them; nil while nobody watches
	ended    sync.WaitGroup // everything that has read
}

// reading is one goroutine that reads for watchers.
type reading struct{ end context.CancelFunc }

// watcher is one who is told. Its fields but wake are the feed's.
type watcher[T any] struct {
	offices []string
	news    []T
	behind  bool          // it was passed by
	wake    chan struct{} // there is something, or it is behind
}

// join adds a watcher, who MUST look for itself, once more, for what changed before now.
func (f *feed[T]) join(ctx context.Context, offices []string) (*watcher[T], error) {
	last, err := f.last(ctx)
	if err != nil {
		return nil, err
	}
	w := &watcher[T]{offices: offices, wake: make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers == nil {
		f.watchers = make(map[*watcher[T]]bool)
	}
	f.watchers[w] = true
	if f.reading == nil {
		ctx, cancel := context.WithCancel(context.Background())
		r := &reading{cancel}
		f.reading = r
		f.ended.Go(func() { f.run(ctx, r, last) })
	}
	return w, nil
}

func (f *feed[T]) leave(w *watcher[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watchers, w)
	if len(f.watchers) == 0 && f.reading != nil {
		f.reading.end()
		f.reading = nil
	}
}

// take returns what is new for a watcher, and whether it was passed by.
func (f *feed[T]) take(w *watcher[T]) (news []T, behind bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	news, behind = w.news, w.behind
	w.news, w.behind = nil, false
	return news, behind
}

// run reads until nobody watches.
func (f *feed[T]) run(ctx context.Context, r *reading, after gateway.Commit) {
	for {
		changed := f.changed()
		for {
			news, err := f.read(ctx, f.offices(), after)
			if ctx.Err() != nil {
				return
			}
			f.tell(r, news, err)
			if err != nil || len(news) == 0 {
				break
			}
			after = f.commit(news[len(news)-1])
		}
		pause := time.NewTimer(FeedInterval)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// offices are those of all watchers, each once.
func (f *feed[T]) offices() (all []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.watchers {
		all = append(all, w.offices...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// tell gives each watcher what is its own. Where nothing could be read, each tries itself,
// and tells its caller why.
func (f *feed[T]) tell(r *reading, news []T, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reading != r {
		return // another reads by now
	}
	for w := range f.watchers {
		own := news
		if f.office != nil {
			own = nil
			for _, n := range news {
				if slices.Contains(w.offices, f.office(n)) {
					own = append(own, n)
				}
			}
		}
		switch {
		case w.behind:
		case err != nil || len(w.news)+len(own) > MaxNews:
			w.news, w.behind = nil, true
		default:
			w.news = append(w.news, own...)
		}
		if w.behind || len(w.news) > 0 {
			select {
			case w.wake <- struct{}{}:
			default:
			}
		}
	}
}

// watch sends what changed after a commit, and then what changes, until the stream or the
// server ends. The header goes at once: who watches knows that it does, before there is
// anything to see.
func watch[T any](s *Server, f *feed[T], stream grpc.ServerStream, offices []string, from int64, send func(T) error) error {
	ctx := stream.Context()
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	after := gateway.Commit(from)
	pass := func(some []T) error {
		before := after
		for _, n := range some {
			if f.commit(n) <= before {
				continue // it was read before it was told
			}
			if err := send(n); err != nil {
				return err
			}
			after = f.commit(n)
		}
		return nil
	}
	catchUp := func() error {
		for s.stop.Err() == nil {
			some, err := f.read(ctx, offices, after)
			if err != nil || len(some) == 0 {
				return err
			}
			if err := pass(some); err != nil {
				return err
			}
		}
		return nil
	}
	if err := catchUp(); err != nil {
		return s.refusal(ctx, err)
	}
	w, err := f.join(ctx, offices)
	if err != nil {
		return s.refusal(ctx, err)
	}
	defer f.leave(w)
	for behind := true; ; {
		if behind {
			if err := catchUp(); err != nil {
				return s.refusal(ctx, err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.stop.Done():
			return nil
		case <-w.wake:
		}
		var news []T
		news, behind = f.take(w)
		if err := pass(news); err != nil {
			return s.refusal(ctx, err)
		}
	}
}
