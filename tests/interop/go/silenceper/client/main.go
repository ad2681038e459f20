// Calls WeChat with silenceper/wechat.
//
// Nothing in here knows how a call looks on the wire: that is silenceper/wechat's part.
package main

import (
	"log"
	"strconv"
	"strings"

	"github.com/silenceper/wechat/v2"
	"github.com/silenceper/wechat/v2/miniprogram"
	programconfig "github.com/silenceper/wechat/v2/miniprogram/config"
	programmessage "github.com/silenceper/wechat/v2/miniprogram/message"
	"github.com/silenceper/wechat/v2/miniprogram/subscribe"
	"github.com/silenceper/wechat/v2/officialaccount"
	accountconfig "github.com/silenceper/wechat/v2/officialaccount/config"
	accountmessage "github.com/silenceper/wechat/v2/officialaccount/message"
	"github.com/silenceper/wechat/v2/util"

	"interop/internal/peer"
	"interop/silenceper/internal/sdk"
)

// client is one for all apps.
type client struct {
	sdk *wechat.Wechat
}

func main() {
	c := client{sdk: sdk.New()}
	err := peer.Serve(sdk.Module, map[string]peer.Work{
		"token":            c.token,
		"followers":        c.followers,
		"profile":          c.profile,
		"login":            c.login,
		"template":         c.template,
		"subscribe":        c.subscribe,
		"customer_service": c.customerService,
	})
	if err != nil {
		log.Fatal(err)
	}
}

func (c client) account(app peer.App) *officialaccount.OfficialAccount {
	redirect(app.Base)
	return c.sdk.GetOfficialAccount(&accountconfig.Config{
		AppID: app.AppID, AppSecret: app.Secret, UseStableAK: true,
	})
}

func (c client) program(app peer.App) *miniprogram.MiniProgram {
	redirect(app.Base)
	return c.sdk.GetMiniProgram(&programconfig.Config{
		AppID: app.AppID, AppSecret: app.Secret, UseStableAK: true,
	})
}

// redirect sends what is meant for api.weixin.qq.com to another host.
func redirect(base string) {
	util.SetURIModifier(func(uri string) string {
		return strings.Replace(uri, "https://api.weixin.qq.com", base, 1)
	})
}

func (c client) token(request peer.Request) (peer.Answer, error) {
	token, err := c.program(request.App).GetContext().GetAccessToken()
	if err != nil {
		return nil, err
	}
	return peer.Answer{"token": token}, nil
}

func (c client) followers(request peer.Request) (peer.Answer, error) {
	page, err := c.account(request.App).GetUser().ListUserOpenIDs()
	if err != nil {
		return nil, err
	}
	return peer.Answer{"open_ids": page.Data.OpenIDs}, nil
}

func (c client) profile(request peer.Request) (peer.Answer, error) {
	user, err := c.account(request.App).GetUser().GetUserInfo(request.OpenID)
	if err != nil {
		return nil, err
	}
	return peer.Answer{"open_id": user.OpenID, "union_id": user.UnionID}, nil
}

func (c client) login(request peer.Request) (peer.Answer, error) {
	session, err := c.program(request.App).GetAuth().Code2Session(request.Code)
	if err != nil {
		return nil, err
	}
	return peer.Answer{"open_id": session.OpenID, "union_id": session.UnionID}, nil
}

func (c client) template(request peer.Request) (peer.Answer, error) {
	message := &accountmessage.TemplateMessage{
		ToUser:     request.OpenID,
		TemplateID: request.TemplateID,
		URL:        request.URL,
		Data:       make(map[string]*accountmessage.TemplateDataItem),
	}
	message.MiniProgram.AppID = request.Program.AppID
	message.MiniProgram.PagePath = request.Program.Page
	for key, value := range request.Fields {
		message.Data[key] = &accountmessage.TemplateDataItem{Value: value}
	}
	id, err := c.account(request.App).GetTemplate().Send(message)
	if err != nil {
		return nil, err
	}
	return peer.Answer{"message_id": strconv.FormatInt(id, 10)}, nil
}

func (c client) subscribe(request peer.Request) (peer.Answer, error) {
	message := &subscribe.Message{
		ToUser:     request.OpenID,
		TemplateID: request.TemplateID,
		Page:       request.Page,
		Data:       make(map[string]*subscribe.DataItem),
	}
	for key, value := range request.Fields {
		message.Data[key] = &subscribe.DataItem{Value: value}
	}
	id, err := c.program(request.App).GetSubscribe().SendGetMsgID(message)
	if err != nil {
		return nil, err
	}
	return peer.Answer{"message_id": strconv.FormatInt(id, 10)}, nil
}

func (c client) customerService(request peer.Request) (peer.Answer, error) {
	if request.App.Kind == "official_account" {
		message := accountmessage.NewCustomerTextMessage(request.OpenID, request.Text)
		return peer.Answer{}, c.account(request.App).GetCustomerMessageManager().Send(message)
	}
	message := programmessage.NewCustomerTextMessage(request.OpenID, request.Text)
	return peer.Answer{}, c.program(request.App).GetCustomerMessage().Send(message)
}
