package main

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/silenceper/wechat/v2/officialaccount/message"

	"interop/silenceper/internal/peer"
)

// fields is what was read of a push, under the names that WeChat gives it.
func fields(push message.MixMessage) peer.Answer {
	found := make(peer.Answer)
	collect(found, reflect.ValueOf(push))
	// Read from JSON, they are in a place of their own.
	if items := push.GetSubscribeMsgPopupEvents(); len(items) > 0 {
		found["SubscribeMsgPopupEvent"] = peer.Answer{"List": list(reflect.ValueOf(items))}
	}
	return found
}

// collect adds the fields that have a value: Go's structs do not tell 0 from nothing.
func collect(found peer.Answer, value reflect.Value) {
	for i := range value.NumField() {
		field, content := value.Type().Field(i), value.Field(i)
		name, known := field.Tag.Lookup("xml")
		switch {
		case field.Anonymous:
			collect(found, content)
		case !field.IsExported() || field.Name == "XMLName" || content.IsZero():
		case known:
			add(found, strings.Split(name, ">"), content)
		default:
			add(found, []string{field.Name}, content)
		}
	}
}

func add(found peer.Answer, names []string, content reflect.Value) {
	if len(names) > 1 {
		inner := make(peer.Answer)
		add(inner, names[1:], content)
		found[names[0]] = inner
		return
	}
	found[names[0]] = plain(content)
}

func plain(content reflect.Value) any {
	switch content.Kind() {
	case reflect.Struct:
		inner := make(peer.Answer)
		collect(inner, content)
		return inner
	case reflect.Slice:
		return list(content)
	default:
		return fmt.Sprint(content.Interface())
	}
}

func list(content reflect.Value) []any {
	items := make([]any, 0, content.Len())
	for i := range content.Len() {
		items = append(items, plain(content.Index(i)))
	}
	return items
}
