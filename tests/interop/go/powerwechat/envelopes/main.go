// Seals and opens WeChat's envelopes with PowerWeChat.
//
// Nothing in here knows how an envelope is made: that is PowerWeChat's part. It doesn't verify
// for which app a message is, nor does it tell.
package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"log"

	"github.com/ArtisanCloud/PowerWeChat/v3/src/kernel"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/miniProgram/server/handlers/models"

	"interop/internal/peer"
	"interop/powerwechat/internal/sdk"
)

// envelope is what stands beside a reply's ciphertext: PowerWeChat reads no replies.
type envelope struct {
	MsgSignature string
	TimeStamp    json.Number
	Nonce        string
}

func main() {
	err := peer.Serve(sdk.Module, map[string]peer.Work{
		"encrypt": encrypt,
		"decrypt": decrypt,
		"deliver": deliver,
		"open":    open,
	})
	if err != nil {
		log.Fatal(err)
	}
}

func encryptor(app peer.App) (*kernel.Encryptor, error) {
	return kernel.NewEncryptor(app.AppID, app.Token, app.AESKey)
}

// seal makes an envelope in XML, and reads it.
func seal(request peer.Request) (body []byte, sealed kernel.WeComReplyMsg, err error) {
	encryptor, err := encryptor(request.App)
	if err != nil {
		return nil, sealed, err
	}
	body, failed := encryptor.Encrypt(request.Message, request.Nonce, request.Timestamp)
	if failed != nil {
		return nil, sealed, errors.New(failed.ErrMsg)
	}
	return body, sealed, xml.Unmarshal(body, &sealed)
}

// encrypt makes a ciphertext of a bare text.
func encrypt(request peer.Request) (peer.Answer, error) {
	_, sealed, err := seal(request)
	return peer.Answer{"encrypt": sealed.Encrypt.Value}, err
}

// decrypt makes a bare text of a ciphertext.
func decrypt(request peer.Request) (peer.Answer, error) {
	encryptor, err := encryptor(request.App)
	if err != nil {
		return nil, err
	}
	opened, refused := encryptor.DecryptContent(request.Encrypt)
	if refused != nil {
		return peer.Answer{"refused": refused.ErrMsg}, nil
	}
	return peer.Answer{"message": string(opened)}, nil
}

// deliver makes a push of a message, as WeChat would send it: a query and a body.
func deliver(request peer.Request) (peer.Answer, error) {
	encryptor, err := encryptor(request.App)
	if err != nil {
		return nil, err
	}
	body, sealed, err := seal(request)
	if err == nil && request.Format == "json" {
		received := kernel.WeComRecvMsg{ToUserName: "gh_1", Encrypt: sealed.Encrypt.Value}
		body, err = json.Marshal(received)
	}
	if err != nil {
		return nil, err
	}
	query := [][2]string{
		{"signature", encryptor.Signature(request.App.Token, request.Timestamp, request.Nonce, "")},
		{"timestamp", request.Timestamp},
		{"nonce", request.Nonce},
		{"openid", "oAnn"},
		{"encrypt_type", "aes"},
		{"msg_signature", sealed.Signature.Value},
	}
	return peer.Answer{"query": query, "body": string(body)}, nil
}

// open verifies, decrypts and reads a sealed passive reply.
func open(request peer.Request) (peer.Answer, error) {
	encryptor, err := encryptor(request.App)
	if err != nil {
		return nil, err
	}
	var sealed envelope
	if err := unmarshal(request.Format, []byte(request.Body), &sealed); err != nil {
		return nil, err
	}
	opened, refused := encryptor.Decrypt(
		[]byte(request.Body), sealed.MsgSignature, sealed.Nonce, sealed.TimeStamp.String())
	if refused != nil {
		return peer.Answer{"refused": refused.ErrMsg}, nil
	}
	var reply models.MessageText
	if err := unmarshal(request.Format, opened, &reply); err != nil {
		return nil, err
	}
	return peer.Answer{"message": string(opened), "fields": peer.Answer{
		"ToUserName":   reply.ToUserName,
		"FromUserName": reply.FromUserName,
		"CreateTime":   reply.CreateTime,
		"MsgType":      reply.MsgType,
		"Content":      reply.Content,
	}}, nil
}

func unmarshal(format string, text []byte, value any) error {
	if format == "json" {
		return json.Unmarshal(text, value)
	}
	return xml.Unmarshal(text, value)
}
