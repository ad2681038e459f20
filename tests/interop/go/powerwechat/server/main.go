// Answers WeChat's pushes with PowerWeChat, as the callback of several apps.
//
// Nothing in here knows how an envelope is made, or what a push contains: that is PowerWeChat's
// part.
package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/ArtisanCloud/PowerWeChat/v3/src/kernel/contract"
	kernel "github.com/ArtisanCloud/PowerWeChat/v3/src/kernel/models"
	program "github.com/ArtisanCloud/PowerWeChat/v3/src/miniProgram/server/handlers/models"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/officialAccount/server"
	account "github.com/ArtisanCloud/PowerWeChat/v3/src/officialAccount/server/handlers/models"

	"interop/internal/callback"
	"interop/internal/fields"
	"interop/internal/peer"
	"interop/powerwechat/internal/sdk"
)

// The types that PowerWeChat has, by `MsgType` or `Event`. Of anything else it reads what is
// common to all pushes.
var (
	types = map[string]func() any{
		"text":                                    model[account.MessageText],
		"image":                                   model[account.MessageImage],
		"voice":                                   model[account.MessageVoice],
		"video":                                   model[account.MessageVideo],
		"location":                                model[account.MessageLocation],
		"link":                                    model[account.MessageLink],
		account.CALLBACK_EVENT_SUBSCRIBE:          model[account.EventSubscribe],
		account.CALLBACK_EVENT_UNSUBSCRIBE:        model[account.EventUnSubscribe],
		account.CALLBACK_EVENT_SCAN:               model[account.EventScan],
		account.CALLBACK_EVENT_LOCATION:           model[account.EventLocation],
		account.CALLBACK_EVENT_CLICK:              model[account.EventClick],
		account.CALLBACK_EVENT_VIEW:               model[account.EventView],
		account.CALLBACK_EVENT_SCANCODE_PUSH:      model[account.EventScanCodePush],
		account.CALLBACK_EVENT_SCANCODE_WAITMSG:   model[account.EventScancodeWaitMsg],
		account.CALLBACK_EVENT_PIC_SYSPHOTO:       model[account.EventPicSysPhoto],
		account.CALLBACK_EVENT_PIC_PHOTO_OR_ALBUM: model[account.EventPicPhotoOrAlbum],
		account.CALLBACK_EVENT_PIC_WEIXIN:         model[account.EventPicWeixin],
		account.CALLBACK_EVENT_LOCATION_SELECT:    model[account.EventLocationSelect],
	}
	typesOfPrograms = map[string]func() any{
		"text":     model[program.MessageText],
		"image":    model[program.MessageImage],
		"voice":    model[program.MessageVoice],
		"video":    model[program.MessageVideo],
		"location": model[program.MessageLocation],
		"link":     model[program.MessageLink],
	}
)

func model[T any]() any { return new(T) }

func main() {
	work := callback.Works(answer)
	work["read"] = read
	if err := peer.Serve(sdk.Module, work); err != nil {
		log.Fatal(err)
	}
}

// guard is PowerWeChat's part of the answer to a push.
func guard(app peer.App) (*server.Guard, error) {
	if app.Kind == "mini_program" {
		program, err := sdk.Program(app)
		if err != nil {
			return nil, err
		}
		return program.Server, nil
	}
	account, err := sdk.Account(app)
	if err != nil {
		return nil, err
	}
	return account.Server, nil
}

// read reads a push without an envelope, and who has signed it.
func read(request peer.Request) (peer.Answer, error) {
	guard, err := guard(peer.App{Kind: request.Kind})
	if err != nil {
		return nil, err
	}
	push := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(request.Message))
	push.Header.Set("Content-Type", callback.ContentType([]byte(request.Message)))
	_, event, err := guard.GetEvent(push)
	if err != nil {
		return nil, err
	}
	understood, err := understand(request.Kind, event)
	return peer.Answer{"understood": understood}, err
}

func answer(push callback.Push, writer http.ResponseWriter) (peer.Answer, error) {
	understood := peer.Answer{}
	guard, err := guard(push.App)
	if err != nil {
		return understood, err
	}
	var unread error
	response, err := guard.Notify(push.Request, func(event contract.EventInterface) any {
		understood, unread = understand(push.App.Kind, event)
		// It has no replies in JSON.
		if callback.IsJSON(push.Bytes) {
			return nil
		}
		return push.Reply
	})
	if err == nil {
		err = unread
	}
	if err != nil {
		return understood, err
	}
	_, err = io.Copy(writer, response.Body)
	return understood, err
}

// understand tells what was read of a push. PowerWeChat fills its types from XML only.
func understand(kind string, event contract.EventInterface) (peer.Answer, error) {
	name := event.GetMsgType()
	if name == kernel.CALLBACK_MSG_TYPE_EVENT {
		name = event.GetEvent()
	}
	model := types[name]
	if ofPrograms, known := typesOfPrograms[name]; known && kind == "mini_program" {
		model = ofPrograms
	}
	if model != nil && !callback.IsJSON(event.GetContent()) {
		push := model()
		err := event.ReadMessage(push)
		return fields.Of(push), err
	}
	header := *event.(*kernel.CallbackMessageHeader)
	// The whole push, as it is written.
	header.Content = nil
	return fields.Of(header), nil
}
