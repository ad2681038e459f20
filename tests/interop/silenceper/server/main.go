// Answers WeChat's pushes with silenceper/wechat, as the callback of several apps.
//
// Nothing in here knows how an envelope is made, or what a push contains: that is
// silenceper/wechat's part.
package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"log"
	"net"
	"net/http"
	"path"
	"sync"

	"github.com/silenceper/wechat/v2"
	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/officialaccount/config"
	"github.com/silenceper/wechat/v2/officialaccount/message"

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
		"read":     read,
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

// takeReceived tells what came in since it was last asked.
func (s *server) takeReceived(peer.Request) (peer.Answer, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	received := s.received
	s.received = nil
	return peer.Answer{"received": received}, nil
}

// read reads a push without an envelope.
func read(request peer.Request) (peer.Answer, error) {
	var push message.MixMessage
	err := unmarshal([]byte(request.Message), &push)
	return peer.Answer{"understood": fields(push)}, err
}

func (s *server) handle(writer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	// WeChat says text/xml whatever it sends, and silenceper/wechat goes by that.
	if isJSON(body) {
		request.Header.Set("Content-Type", "application/json")
	}
	alias := path.Base(request.URL.Path)
	app := s.apps[alias]
	account := s.sdk.GetOfficialAccount(&config.Config{
		AppID: app.AppID, Token: app.Token, EncodingAESKey: app.AESKey,
	})
	callback := account.GetServer(request, writer)
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

func unmarshal(body []byte, push *message.MixMessage) error {
	if isJSON(body) {
		return json.Unmarshal(body, push)
	}
	return xml.Unmarshal(body, push)
}
