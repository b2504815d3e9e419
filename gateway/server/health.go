package server

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// health answers grpc.health.v1 by the monitor's readiness: one that cannot work says
// NOT_SERVING here while /readyz says 503 there. It knows the gateway as a whole, service
// "", and no other.
type health struct {
	healthv1.UnimplementedHealthServer
	monitor *Monitor
	stop    context.Context // ends the streams of watchers
}

func (h health) status(ctx context.Context) healthv1.HealthCheckResponse_ServingStatus {
	if h.monitor.Readiness(ctx).Ready {
		return healthv1.HealthCheckResponse_SERVING
	}
	return healthv1.HealthCheckResponse_NOT_SERVING
}

func (h health) Check(ctx context.Context, r *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	if r.Service != "" {
		return nil, status.Error(codes.NotFound, "unknown service")
	}
	return &healthv1.HealthCheckResponse{Status: h.status(ctx)}, nil
}

// Watch tells each change within CheckEvery.
func (h health) Watch(r *healthv1.HealthCheckRequest, stream grpc.ServerStreamingServer[healthv1.HealthCheckResponse]) error {
	last := healthv1.HealthCheckResponse_UNKNOWN
	again := time.NewTicker(CheckEvery)
	defer again.Stop()
	for {
		now := healthv1.HealthCheckResponse_SERVICE_UNKNOWN // and nothing else, whenever it is asked
		if r.Service == "" {
			now = h.status(stream.Context())
		}
		if now != last {
			if err := stream.Send(&healthv1.HealthCheckResponse{Status: now}); err != nil {
				return err
			}
			last = now
		}
		select {
		case <-again.C:
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-h.stop.Done():
			return status.Error(codes.Unavailable, "the gateway stops")
		}
	}
}
