// Answers WeChat's pushes with silenceper/wechat, as the callback of several apps.
//
// Nothing in here knows how an envelope is made, or what a push contains: that is
// silenceper/wechat's part.
package main

import (
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/silenceper/wechat/v2"
	"github.com/silenceper/wechat/v2/officialaccount/config"
	"github.com/silenceper/wechat/v2/officialaccount/message"
	"github.com/silenceper/wechat/v2/officialaccount/server"

	"interop/internal/callback"
	"interop/internal/fields"
	"interop/internal/peer"
	"interop/silenceper/internal/sdk"
)

func main() {
	s := servers{sdk: sdk.New()}
	work := callback.Works(s.answer)
	work["read"] = s.read
	if err := peer.Serve(sdk.Module, work); err != nil {
		log.Fatal(err)
	}
}

// servers makes a server for each push.
type servers struct {
	sdk *wechat.Wechat
}

func (s servers) server(push callback.Push, writer http.ResponseWriter) *server.Server {
	account := s.sdk.GetOfficialAccount(&config.Config{
		AppID: push.App.AppID, Token: push.App.Token, EncodingAESKey: push.App.AESKey,
	})
	return account.GetServer(push.Request, writer)
}

// read reads a push without an envelope, and who has signed it.
func (s servers) read(request peer.Request) (peer.Answer, error) {
	push := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(request.Message))
	push.Header.Set("Content-Type", callback.ContentType([]byte(request.Message)))
	server := s.server(callback.Push{Request: push}, httptest.NewRecorder())
	server.SkipValidate(true)
	var understood any
	server.SetMessageHandler(func(push *message.MixMessage) *message.Reply {
		understood = understand(*push)
		return nil
	})
	err := server.Serve()
	return peer.Answer{"understood": understood}, err
}

func (s servers) answer(push callback.Push, writer http.ResponseWriter) (peer.Answer, error) {
	server := s.server(push, writer)
	understood := peer.Answer{}
	server.SetMessageHandler(func(received *message.MixMessage) *message.Reply {
		understood = understand(*received)
		return &message.Reply{MsgType: message.MsgTypeText, MsgData: message.NewText(push.Reply)}
	})
	err := server.Serve()
	switch {
	case err != nil:
	case callback.IsJSON(push.Bytes):
		// It has no replies in JSON.
		server.String("success")
	default:
		err = server.Send()
	}
	return understood, err
}

// understand tells what was read of a push.
func understand(push message.MixMessage) peer.Answer {
	found := fields.Of(push)
	// Read from JSON, they are in a place of their own.
	if items := push.GetSubscribeMsgPopupEvents(); len(items) > 0 {
		found["SubscribeMsgPopupEvent"] = peer.Answer{"List": fields.List(items)}
	}
	return found
}
