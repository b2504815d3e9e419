package server

import (
	"errors"
	"fmt"
	stdlog "log"
	"os"
	"strings"

	"google.golang.org/grpc/grpclog"

	"customs.example/gateway/event"
)

// TakeLibraries has the libraries that write lines of their own, into whatever the process
// has as its standard error, tell them as events. It MUST be called before a connection is
// made.
func TakeLibraries(log *event.Log) {
	grpclog.SetLoggerV2(grpcLog{log})
	std := log.Library("log")
	stdlog.SetFlags(0)
	stdlog.SetOutput(std.Writer())
}

// grpcLog is what gRPC and its REST gateway log to. What informs only is dropped unread.
type grpcLog struct{ log *event.Log }

func (l grpcLog) write(text string) {
	l.log.Tell(event.Event{Name: event.LibraryMessage, Library: "grpc", Cause: errors.New(strings.TrimSpace(text))})
}

func (grpcLog) Info(...any)                      {}
func (grpcLog) Infoln(...any)                    {}
func (grpcLog) Infof(string, ...any)             {}
func (l grpcLog) Warning(args ...any)            { l.write(fmt.Sprint(args...)) }
func (l grpcLog) Warningln(args ...any)          { l.write(fmt.Sprintln(args...)) }
func (l grpcLog) Warningf(f string, args ...any) { l.write(fmt.Sprintf(f, args...)) }
func (l grpcLog) Error(args ...any)              { l.write(fmt.Sprint(args...)) }
func (l grpcLog) Errorln(args ...any)            { l.write(fmt.Sprintln(args...)) }
func (l grpcLog) Errorf(f string, args ...any)   { l.write(fmt.Sprintf(f, args...)) }
func (l grpcLog) Fatal(args ...any)              { l.write(fmt.Sprint(args...)); os.Exit(1) }
func (l grpcLog) Fatalln(args ...any)            { l.write(fmt.Sprintln(args...)); os.Exit(1) }
func (l grpcLog) Fatalf(f string, args ...any)   { l.write(fmt.Sprintf(f, args...)); os.Exit(1) }
func (grpcLog) V(int) bool                       { return false }
