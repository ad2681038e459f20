// Package fields tells what was read of a push, under the names that WeChat gives it.
package fields

import (
	"fmt"
	"reflect"
	"strings"

	"interop/internal/peer"
)

// Of is what a struct holds of a push.
func Of(push any) peer.Answer {
	found := make(peer.Answer)
	collect(found, reflect.Indirect(reflect.ValueOf(push)))
	return found
}

// List is what a slice of such structs holds.
func List(items any) []any {
	return list(reflect.ValueOf(items))
}

// collect adds the fields that have a value: Go's structs do not tell 0 from nothing.
func collect(found peer.Answer, value reflect.Value) {
	for i := range value.NumField() {
		field, content := value.Type().Field(i), value.Field(i)
		tag, known := field.Tag.Lookup("xml")
		name, option, _ := strings.Cut(tag, ",")
		switch {
		case field.Anonymous && content.Kind() == reflect.Struct:
			collect(found, content)
		case field.Anonymous || !field.IsExported() || field.Name == "XMLName" || content.IsZero():
		case option == "chardata":
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
