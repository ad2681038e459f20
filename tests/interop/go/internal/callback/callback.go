// Package callback listens for WeChat's pushes to several apps, which an SDK answers.
package callback

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"path"
	"sync"

	"interop/internal/peer"
)

// Push is a push to an app.
type Push struct {
	*http.Request
	App   peer.App
	Bytes []byte
	// Reply is the text to reply with.
	Reply string
}

// SDK answers a push, and tells what it has understood of it. An error becomes status 500.
type SDK func(Push, http.ResponseWriter) (peer.Answer, error)

// server is the callback of several apps.
type server struct {
	sdk   SDK
	apps  map[string]peer.App
	reply string

	mutex    sync.Mutex
	received []peer.Answer
}

// Works is the work of a server whose answers are an SDK's.
func Works(sdk SDK) map[string]peer.Work {
	s := &server{sdk: sdk}
	return map[string]peer.Work{"serve": s.serve, "received": s.takeReceived}
}

// IsJSON tells the format of a push.
func IsJSON(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(body), []byte("{"))
}

// ContentType is what the SDKs go by: WeChat says text/xml whatever it sends.
func ContentType(body []byte) string {
	if IsJSON(body) {
		return "application/json"
	}
	return "text/xml"
}

// serve listens for pushes to these apps, and tells where.
func (s *server) serve(request peer.Request) (peer.Answer, error) {
	s.apps, s.reply = request.Apps, request.Reply
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() { log.Fatal(http.Serve(listener, http.HandlerFunc(s.handle))) }()
	return peer.Answer{"base": "http://" + listener.Addr().String()}, nil
}

// takeReceived tells which pushes arrived since the last request.
func (s *server) takeReceived(peer.Request) (peer.Answer, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	received := s.received
	s.received = nil
	return peer.Answer{"received": received}, nil
}

func (s *server) handle(writer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	request.Header.Set("Content-Type", ContentType(body))
	alias := path.Base(request.URL.Path)
	push := Push{Request: request, App: s.apps[alias], Bytes: body, Reply: s.reply}
	understood, err := s.sdk(push, writer)
	s.mutex.Lock()
	s.received = append(s.received, peer.Answer{
		"app": alias, "query": request.URL.RawQuery, "body": string(body), "understood": understood,
	})
	s.mutex.Unlock()
	if err != nil {
		http.Error(writer, err.Error(), http.StatusInternalServerError)
	}
}
