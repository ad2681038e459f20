// Calls WeChat with PowerWeChat.
//
// Nothing in here knows how a call looks on the wire: that is PowerWeChat's part.
package main

import (
	"context"
	"log"
	"strconv"

	subscription "github.com/ArtisanCloud/PowerWeChat/v3/src/basicService/subscribeMessage/request"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/kernel/messages"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/kernel/power"
	service "github.com/ArtisanCloud/PowerWeChat/v3/src/miniProgram/customerServiceMessage/request"
	template "github.com/ArtisanCloud/PowerWeChat/v3/src/officialAccount/templateMessage/request"

	"interop/internal/peer"
	"interop/powerwechat/internal/sdk"
)

func main() {
	err := peer.Serve(sdk.Module, map[string]peer.Work{
		"token":            token,
		"followers":        followers,
		"profile":          profile,
		"login":            login,
		"template":         sendTemplate,
		"subscribe":        subscribe,
		"customer_service": customerService,
	})
	if err != nil {
		log.Fatal(err)
	}
}

func token(request peer.Request) (peer.Answer, error) {
	program, err := sdk.Program(request.App)
	if err != nil {
		return nil, err
	}
	token, err := program.AccessToken.GetToken(context.Background(), false)
	if err != nil {
		return nil, err
	}
	return peer.Answer{"token": token.AccessToken}, nil
}

func followers(request peer.Request) (peer.Answer, error) {
	account, err := sdk.Account(request.App)
	if err != nil {
		return nil, err
	}
	page, err := account.User.List(context.Background(), "")
	if err != nil {
		return nil, err
	}
	return peer.Answer{"open_ids": page.Data.OpenID}, nil
}

func profile(request peer.Request) (peer.Answer, error) {
	account, err := sdk.Account(request.App)
	if err != nil {
		return nil, err
	}
	user, err := account.User.Get(context.Background(), request.OpenID, "zh_CN")
	if err != nil {
		return nil, err
	}
	return peer.Answer{"open_id": user.OpenID, "union_id": user.UnionID}, nil
}

func login(request peer.Request) (peer.Answer, error) {
	program, err := sdk.Program(request.App)
	if err != nil {
		return nil, err
	}
	session, err := program.Auth.Session(context.Background(), request.Code)
	if err != nil {
		return nil, err
	}
	return peer.Answer{"open_id": session.OpenID, "union_id": session.UnionID}, nil
}

func sendTemplate(request peer.Request) (peer.Answer, error) {
	account, err := sdk.Account(request.App)
	if err != nil {
		return nil, err
	}
	message := &template.RequestTemlateMessage{
		ToUser:     request.OpenID,
		TemplateID: request.TemplateID,
		URL:        request.URL,
		Data:       values(request.Fields),
	}
	if program := request.Program; program.AppID != "" {
		message.MiniProgram = &template.MiniProgram{AppID: program.AppID, PagePath: program.Page}
	}
	sent, err := account.TemplateMessage.Send(context.Background(), message)
	if err != nil {
		return nil, err
	}
	return peer.Answer{"message_id": strconv.FormatInt(sent.MsgID, 10)}, nil
}

// subscribe doesn't tell the message's id, as PowerWeChat doesn't.
func subscribe(request peer.Request) (peer.Answer, error) {
	program, err := sdk.Program(request.App)
	if err != nil {
		return nil, err
	}
	_, err = program.SubscribeMessage.Send(
		context.Background(),
		&subscription.RequestSubscribeMessageSend{
			ToUser:     request.OpenID,
			TemplateID: request.TemplateID,
			Page:       request.Page,
			Data:       values(request.Fields),
		},
	)
	return peer.Answer{}, err
}

func customerService(request peer.Request) (peer.Answer, error) {
	if request.App.Kind == "official_account" {
		account, err := sdk.Account(request.App)
		if err != nil {
			return nil, err
		}
		text := messages.NewText(request.Text)
		message := account.CustomerService.Message(context.Background(), text)
		_, err = message.SetTo(request.OpenID).Send(context.Background())
		return peer.Answer{}, err
	}
	program, err := sdk.Program(request.App)
	if err != nil {
		return nil, err
	}
	text := &service.CustomerServiceMsgText{Content: request.Text}
	_, err = program.CustomerServiceMessage.SendText(context.Background(), request.OpenID, text)
	return peer.Answer{}, err
}

func values(fields map[string]string) *power.HashMap {
	values := make(power.HashMap)
	for key, value := range fields {
		values[key] = power.HashMap{"value": value}
	}
	return &values
}
