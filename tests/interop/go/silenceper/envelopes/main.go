// Seals and opens WeChat's envelopes with silenceper/wechat.
//
// Nothing in here knows how an envelope is made: that is silenceper/wechat's part.
package main

import (
	"encoding/json"
	"encoding/xml"
	"log"
	"strconv"

	"github.com/silenceper/wechat/v2/officialaccount/message"
	"github.com/silenceper/wechat/v2/util"

	"interop/internal/peer"
	"interop/silenceper/internal/sdk"
)

// random is sixteen bytes, which no reader looks at.
const random = "0123456789abcdef"

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

func seal(request peer.Request) (string, error) {
	sealed, err := util.EncryptMsg(
		[]byte(random), []byte(request.Message), request.App.AppID, request.App.AESKey)
	return string(sealed), err
}

// encrypt makes a ciphertext of a bare text.
func encrypt(request peer.Request) (peer.Answer, error) {
	sealed, err := seal(request)
	return peer.Answer{"encrypt": sealed}, err
}

// decrypt makes a bare text of a ciphertext.
func decrypt(request peer.Request) (peer.Answer, error) {
	_, opened, err := util.DecryptMsg(request.App.AppID, request.Encrypt, request.App.AESKey)
	if err != nil {
		return peer.Answer{"refused": err.Error()}, nil
	}
	return peer.Answer{"message": string(opened)}, nil
}

// deliver makes a push of a message, as WeChat would send it: a query and a body.
func deliver(request peer.Request) (peer.Answer, error) {
	sealed, err := seal(request)
	if err != nil {
		return nil, err
	}
	body, err := marshal(request.Format, message.EncryptedXMLMsg{
		ToUserName: "gh_1", EncryptedMsg: sealed,
	})
	if err != nil {
		return nil, err
	}
	token, timestamp, nonce := request.App.Token, request.Timestamp, request.Nonce
	query := [][2]string{
		{"signature", util.Signature(token, timestamp, nonce)},
		{"timestamp", timestamp},
		{"nonce", nonce},
		{"openid", "oAnn"},
		{"encrypt_type", "aes"},
		{"msg_signature", util.Signature(token, timestamp, nonce, sealed)},
	}
	return peer.Answer{"query": query, "body": string(body)}, nil
}

// open verifies, decrypts and reads a sealed passive reply.
func open(request peer.Request) (peer.Answer, error) {
	var envelope message.ResponseEncryptedXMLMsg
	if err := unmarshal(request.Format, request.Body, &envelope); err != nil {
		return nil, err
	}
	timestamp := strconv.FormatInt(envelope.Timestamp, 10)
	signature := util.Signature(
		request.App.Token, timestamp, envelope.Nonce, envelope.EncryptedMsg)
	if signature != envelope.MsgSignature {
		return peer.Answer{"refused": "its signature is wrong"}, nil
	}
	_, opened, err := util.DecryptMsg(
		request.App.AppID, envelope.EncryptedMsg, request.App.AESKey)
	if err != nil {
		return peer.Answer{"refused": err.Error()}, nil
	}
	var reply message.MixMessage
	if err := unmarshal(request.Format, string(opened), &reply); err != nil {
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

func marshal(format string, value any) ([]byte, error) {
	if format == "json" {
		return json.Marshal(value)
	}
	return xml.Marshal(value)
}

func unmarshal(format, text string, value any) error {
	if format == "json" {
		return json.Unmarshal([]byte(text), value)
	}
	return xml.Unmarshal([]byte(text), value)
}
