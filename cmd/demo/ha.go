package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// takeover is how long after a gateway was killed what it had is accepted, at most: five
// seconds until another has it, and what that one needs for all of it.
const takeover = 15 * time.Second

// highlyAvailable plays two gateways on one database of which one is killed in mid-stream.
func highlyAvailable(ctx context.Context, out *screen, bin, dir string, seed uint64, consignments int) (err error) {
	out.step("Two gateways of China start at once on one empty PostgreSQL database, one of Russia on a file.")
	s, err := startSeveral(ctx, bin, dir, seed, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	out.table([]string{"gateway", "gRPC", "database"}, [][]string{
		{"China 1", s.cn[0].GRPC, "PostgreSQL"}, {"China 2", s.cn[1].GRPC, "PostgreSQL"}, {"Russia", s.ru.GRPC, "SQLite"},
	})
	out.say("Russia knows one address of China, %s: a balancer of connections before both.", s.balancer.address())

	out.step(fmt.Sprintf("Clients hand in %d consignments. A truck's manifest goes in by one Chinese door, its exit report by the other.", consignments))
	loaded := make(chan error, 1)
	go func() { loaded <- s.load.run(ctx, clients, func(made int) bool { return made < consignments }) }()
	if _, err := until(ctx, "the middle of the stream", func() (int64, error) { return s.load.answers.Load(), nil },
		func(n int64) bool { return n > int64(consignments/2) }); err != nil {
		return errors.Join(err, s.cn[0].kill())
	}
	killed := time.Now()
	if err := s.cn[0].kill(); err != nil {
		return err
	}
	out.say("After %d answers the first Chinese gateway is killed, as a crash does it (kill -9), and stays away.", s.load.answers.Load())
	if err := <-loaded; err != nil {
		return err
	}
	again := 0
	for _, sent := range s.load.list {
		if sent.tries > 1 {
			again++
		}
	}
	out.say("%d submissions were sent again, with the same id, at the next door; the slowest answer took %.1f s.", again, s.load.slowest.Seconds())

	out.step("Everything comes to its end, and what is promised is checked over both databases, all logs and the clients' own list.")
	if err := s.load.settle(ctx); err != nil {
		return err
	}
	if err := s.stop(); err != nil {
		return err
	}
	c, err := s.count(ctx, killed)
	if err != nil {
		return err
	}
	c.say(out)
	out.say("The last of what China had made before was accepted %.1f s after the kill; no commit number is missing on either side.", c.after.Seconds())
	if c.after > takeover {
		return fmt.Errorf("what China had made before the kill was accepted %v after it", c.after)
	}
	return errors.Join(c.err(), out.err)
}
