// Answers WeChat's pushes with silenceper/wechat, as the callback of several apps.
//
// Nothing in here knows how an envelope is made, or what a push contains: that is
// silenceper/wechat's part.
package main

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"

	"github.com/silenceper/wechat/v2"
	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/officialaccount/config"
	"github.com/silenceper/wechat/v2/officialaccount/message"
	callback "github.com/silenceper/wechat/v2/officialaccount/server"

	"interop/silenceper/internal/peer"
)

// server is the callback of several apps.
type server struct {
	sdk   *wechat.Wechat
	apps  map[string]peer.App
	reply string

	mutex    sync.Mutex
	received []peer.Answer
}

func main() {
	s := &server{sdk: wechat.NewWechat()}
	s.sdk.SetCache(cache.NewMemory())
	err := peer.Serve(map[string]peer.Work{
		"serve":    s.serve,
		"received": s.takeReceived,
		"read":     s.read,
	})
	if err != nil {
		log.Fatal(err)
	}
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

// read reads a push without an envelope, and who has signed it.
func (s *server) read(request peer.Request) (peer.Answer, error) {
	push := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(request.Message))
	callback := s.callback(peer.App{}, push, httptest.NewRecorder(), []byte(request.Message))
	callback.SkipValidate(true)
	var understood any
	callback.SetMessageHandler(func(push *message.MixMessage) *message.Reply {
		understood = fields(*push)
		return nil
	})
	err := callback.Serve()
	return peer.Answer{"understood": understood}, err
}

// callback is silenceper/wechat's part of the answer to a push.
func (s *server) callback(
	app peer.App, request *http.Request, writer http.ResponseWriter, body []byte,
) *callback.Server {
	// WeChat says text/xml whatever it sends, and silenceper/wechat goes by that.
	if isJSON(body) {
		request.Header.Set("Content-Type", "application/json")
	}
	account := s.sdk.GetOfficialAccount(&config.Config{
		AppID: app.AppID, Token: app.Token, EncodingAESKey: app.AESKey,
	})
	return account.GetServer(request, writer)
}

func (s *server) handle(writer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	alias := path.Base(request.URL.Path)
	callback := s.callback(s.apps[alias], request, writer, body)
	var understood any = peer.Answer{}
	callback.SetMessageHandler(func(push *message.MixMessage) *message.Reply {
		understood = fields(*push)
		return &message.Reply{MsgType: message.MsgTypeText, MsgData: message.NewText(s.reply)}
	})
	err = callback.Serve()
	s.mutex.Lock()
	s.received = append(s.received, peer.Answer{
		"app": alias, "query": request.URL.RawQuery, "body": string(body), "understood": understood,
	})
	s.mutex.Unlock()
	switch {
	case err != nil:
		http.Error(writer, err.Error(), http.StatusInternalServerError)
	case isJSON(body):
		// It has no replies in JSON.
		callback.String("success")
	default:
		if err := callback.Send(); err != nil {
			http.Error(writer, err.Error(), http.StatusInternalServerError)
		}
	}
}

func isJSON(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(body), []byte("{"))
}
