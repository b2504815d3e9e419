// Package exchangev1 owns the gateway's services and the right that each RPC needs,
// generated from exchange.proto. It refuses to hold logic: the doors are in server.
package exchangev1
