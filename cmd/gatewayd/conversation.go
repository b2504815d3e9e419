package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/conversation"
	"customs.example/gateway/document"
	"customs.example/gateway/server"
)

// readConversations reads how partners are spoken to by envelopes. Whatever an active route sends to one has an action.
func (s *setup) readConversations(f *findings) error {
	if !slices.ContainsFunc(s.Partners, func(p PartnerConfig) bool { return !p.Conversation.none() }) {
		return nil
	}
	tables, _, err := data(s.Data)
	if err != nil {
		return err
	}
	profiles, err := conversation.Load(tables)
	if err != nil {
		return fmt.Errorf("conversations: %w", err)
	}
	s.conversations = make(map[string]*conversation.Partner)
	for i, p := range s.Partners {
		if p.Conversation.none() || p.Mode != modeHTTPS {
			continue
		}
		key := fmt.Sprintf("partners[%d].conversation", i)
		with := p.Conversation.read(f, key, profiles, p.Receipts == receiptsPlain)
		if with == nil {
			continue
		}
		s.conversations[p.URI] = with
		if s.chain == nil {
			continue
		}
		for _, r := range s.chain.Routes.All() {
			if _, ok := with.Kinds[r.Kind]; !ok && slices.Contains(s.Routes, r.Name) && slices.Contains(p.Administrations, r.To) {
				f.refuse(key+".messages", gateway.ConfigMessage, r.Kind, r.Name)
			}
		}
	}
	return nil
}

// maxMessages is how many kinds of messages a record names at most.
const maxMessages = 100

// read reads what is agreed with one partner; nil if that is nothing that could be spoken by.
func (c ConversationConfig) read(f *findings, key string, profiles *conversation.Profiles, plain bool) *conversation.Partner {
	profile, ok := profiles.Profile(c.Profile)
	if f.need(key+".profile", c.Profile) && !ok {
		f.refuse(key+".profile", gateway.ConfigChoice, c.Profile, profiles.IDs()...)
	}
	logical(f, key+".own", c.Own)
	if logical(f, key+".theirs", c.Theirs) && c.Theirs == c.Own {
		f.refuse(key+".theirs", gateway.ConfigTwice, c.Theirs, key+".own")
	}
	door := cmp.Or(c.Path, server.Conversations)
	if !strings.HasPrefix(door, "/") || strings.Trim(door, pathLetters) != "" || strings.Contains(door, "..") {
		f.refuse(key+".path", gateway.ConfigLimit, door, server.Conversations)
	}
	if len(c.Messages) == 0 || len(c.Messages) > maxMessages {
		f.refuse(key+".messages", gateway.ConfigLimit, strconv.Itoa(len(c.Messages)), fmt.Sprintf("1 … %d", maxMessages))
		return nil
	}
	if profile == nil {
		return nil
	}
	with := &conversation.Partner{Profile: profile, Own: c.Own, Theirs: c.Theirs, Path: door, Plain: plain, Kinds: make(map[string]conversation.Kind)}
	kinds, actions := map[string]string{}, map[string]string{}
	for i, m := range c.Messages {
		at := fmt.Sprintf("%s.messages[%d]", key, i)
		if !slices.Contains(document.Kinds(), m.Kind) {
			f.refuse(at+".kind", gateway.ConfigChoice, m.Kind, document.Kinds()...)
		}
		only(f, at+".kind", m.Kind, kinds)
		if logical(f, at+".action", m.Action) {
			only(f, at+".action", m.Action, actions)
			if !profile.MayBe(m.Action) {
				f.refuse(at+".action", gateway.ConfigAction, m.Action)
			}
		}
		with.Kinds[m.Kind] = conversation.Kind{Action: m.Action, Pattern: m.pattern(f, at, profile, plain)}
	}
	return with
}

const pathLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-._~:"

// logical looks at a logical address or an action: one word.
func logical(f *findings, key, text string) bool {
	if !f.need(key, text) {
		return false
	}
	if len(text) > maxLogical || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		f.refuse(key, gateway.ConfigLimit, text, fmt.Sprintf("1 … %d ASCII", maxLogical))
		return false
	}
	return true
}

// maxLogical is how long a logical address or an action may be.
const maxLogical = 500

// only says that a value stands twice, if it does.
func only(f *findings, key, value string, before map[string]string) {
	if first, twice := before[value]; twice {
		f.refuse(key, gateway.ConfigTwice, value, first)
		return
	}
	before[value] = key
}

// pattern is that of the profile, as far as the record says nothing else.
func (m MessageConfig) pattern(f *findings, at string, profile *conversation.Profile, plain bool) conversation.Pattern {
	p, ok := profile.Patterns[m.Pattern]
	if f.need(at+".pattern", m.Pattern) && !ok {
		f.refuse(at+".pattern", gateway.ConfigChoice, m.Pattern, slices.Sorted(maps.Keys(profile.Patterns))...)
	}
	if ok && p.Ends == conversation.EndsReceived && !plain { // who signs gives a verdict, and that is waited for
		f.refuse(at+".pattern", gateway.ConfigReceipts, m.Pattern)
	}
	for _, of := range []struct {
		name string
		d    time.Duration
	}{{"received", m.Received}, {"processing", m.Processing}} {
		if d := of.d; d != 0 && (d < conversation.MinTimeout || d > conversation.MaxTimeout) {
			f.refuse(at+"."+of.name, gateway.ConfigLimit, d.String(), fmt.Sprintf("%s … %s", conversation.MinTimeout, conversation.MaxTimeout))
		}
	}
	if m.Retries < 0 || m.Retries > conversation.MaxRetries {
		f.refuse(at+".retries", gateway.ConfigLimit, strconv.Itoa(m.Retries), fmt.Sprintf("1 … %d", conversation.MaxRetries))
	}
	p.Received, p.Processing, p.Retries = cmp.Or(m.Received, p.Received), cmp.Or(m.Processing, p.Processing), cmp.Or(m.Retries, p.Retries)
	return p
}
