package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/event"
)

// TestWhatAPartnerAnswersIsLoggedByItsCodes: its sentences may quote the document, and what it
// gives for a code may be anything. What our own transport says is told in full.
func TestWhatAPartnerAnswersIsLoggedByItsCodes(t *testing.T) {
	st, err := status.New(codes.InvalidArgument, "MAP_TYPE: 值 Иванов").WithDetails(
		protoadapt.MessageV1Of(&exchangev1.Fault{Code: "MAP_TYPE", Value: "Иванов", Message: "Иванов is no number"}),
		protoadapt.MessageV1Of(&exchangev1.Fault{Code: "EAEU-0208"}),
		protoadapt.MessageV1Of(&exchangev1.Fault{Code: "Иванов"}),
		protoadapt.MessageV1Of(&exchangev1.Fault{Code: strings.Repeat("A", 1000)}),
	)
	if err != nil {
		t.Fatal(err)
	}
	failed := fmt.Errorf("attempt: %w", &answeredError{"deliver", st.Err()})
	if got, want := event.Cause(failed), "deliver: the partner answers InvalidArgument MAP_TYPE EAEU-0208"; got != want {
		t.Errorf("logged as %q, want %q", got, want)
	}
	if !strings.Contains(failed.Error(), "Иванов") || status.Code(errors.Unwrap(failed)) != codes.InvalidArgument {
		t.Errorf("its sender is told %v", failed)
	}
	dial := &NotSentError{errors.New(`dial "127.0.0.1:1": connection refused`)}
	if got := event.Cause(dial); got != dial.Error() {
		t.Errorf("the transport's word is logged as %q", got)
	}
}

// hurried is a partner's gateway that has too much to do.
type hurried struct {
	exchangev1.UnimplementedPeerServiceServer
	answer error
}

func (h hurried) Deliver(context.Context, *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error) {
	return nil, h.answer
}

// TestParallelABusyPartnerIsLeftAloneForAsLongAsItAsks: what it says on the wire comes to who sends
// as the time that it asks for, within bounds; without a time, and with another code, it is
// no such thing.
func TestParallelABusyPartnerIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	pki := newPKI(t)
	for name, c := range map[string]struct {
		code codes.Code
		info *errdetails.RetryInfo
		want time.Duration // 0: it is not busy
	}{
		"as it asks":            {codes.ResourceExhausted, &errdetails.RetryInfo{RetryDelay: durationpb.New(7 * time.Second)}, 7 * time.Second},
		"a day":                 {codes.ResourceExhausted, &errdetails.RetryInfo{RetryDelay: durationpb.New(24 * time.Hour)}, MaxBusyInterval},
		"no time at all":        {codes.ResourceExhausted, &errdetails.RetryInfo{}, time.Second},
		"before now":            {codes.ResourceExhausted, &errdetails.RetryInfo{RetryDelay: durationpb.New(-time.Hour)}, time.Second},
		"too large for ever":    {codes.ResourceExhausted, nil, 0},
		"away, for some time":   {codes.Unavailable, &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)}, 0},
		"refused, for all that": {codes.InvalidArgument, &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			st := status.New(c.code, "too much to do")
			if c.info != nil {
				var err error
				if st, err = st.WithDetails(protoadapt.MessageV1Of(c.info)); err != nil {
					t.Fatal(err)
				}
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := grpc.NewServer(grpc.Creds(ServerCredentials(pki.registry("cn", cnURI), pki.certificate("ru"))))
			exchangev1.RegisterPeerServiceServer(server, hurried{answer: st.Err()})
			go server.Serve(l)
			defer server.Stop()
			link, err := NewLink(Partner{URI: ruURI, Address: l.Addr().String()}, pki.registry("ru", ruURI), pki.certificate("cn"))
			if err != nil {
				t.Fatal(err)
			}
			defer link.Close()
			_, err = link.deliver(t.Context(), &exchangev1.DeliverRequest{})
			var busy *BusyError
			switch {
			case err == nil, errors.As(err, new(*NotSentError)):
				t.Errorf("it came to %v", err)
			case errors.As(err, &busy) != (c.want > 0):
				t.Errorf("whether it is busy: %v", err)
			case c.want > 0 && (busy.After != c.want || status.Code(busy.Cause) != c.code):
				t.Errorf("it is left alone for %v, want %v: %v", busy.After, c.want, err)
			}
		})
	}
}

// leaping is a partner's gateway that sends bytes of an attachment from places of its own choice.
type leaping struct {
	exchangev1.UnimplementedPeerServiceServer
	offsets []uint64
}

func (l leaping) Attachment(_ *exchangev1.PeerAttachmentRequest, stream grpc.ServerStreamingServer[exchangev1.AttachmentPart]) error {
	for _, offset := range l.offsets {
		if err := stream.Send(&exchangev1.AttachmentPart{Offset: offset, Content: []byte("abc")}); err != nil {
			return err
		}
	}
	return nil
}

// TestParallelBytesFollowEachOther: what comes from another place than asked for, or leaves any out, ends with an error, and
// nothing of it is taken; whoever has enough leaves.
func TestParallelBytesFollowEachOther(t *testing.T) {
	pki := newPKI(t)
	for name, c := range map[string]struct {
		offsets []uint64
		most    int // parts that are taken
		want    string
		fails   bool
	}{
		"in order":        {[]uint64{5, 8}, 9, "abcabc", false},
		"nothing":         {nil, 9, "", false},
		"another place":   {[]uint64{0}, 9, "", true},
		"beyond all":      {[]uint64{1 << 63}, 9, "", true},
		"a gap":           {[]uint64{5, 9}, 9, "abc", true},
		"the same again":  {[]uint64{5, 5}, 9, "abc", true},
		"more than wants": {[]uint64{5, 8, 11}, 1, "abc", false},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := grpc.NewServer(grpc.Creds(ServerCredentials(pki.registry("cn", cnURI), pki.certificate("ru"))))
			exchangev1.RegisterPeerServiceServer(server, leaping{offsets: c.offsets})
			go server.Serve(l)
			defer server.Stop()
			link, err := NewLink(Partner{URI: ruURI, Address: l.Addr().String()}, pki.registry("ru", ruURI), pki.certificate("cn"))
			if err != nil {
				t.Fatal(err)
			}
			defer link.Close()
			var got []byte
			n := 0
			for part, partErr := range link.Attachment(t.Context(), "M", gateway.Digest{}, 5) {
				if err = partErr; err != nil {
					break
				}
				got = append(got, part...)
				if n++; n == c.most {
					break
				}
			}
			if string(got) != c.want || (err != nil) != c.fails {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
