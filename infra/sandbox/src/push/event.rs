//! Messages and events, and how they are written as XML and as JSON.
//!
//! Source: WeChat's documentation, "接收普通消息" (messages), "接收事件推送"
//! (events) and "订阅消息事件" (events of subscription messages).

use crate::model::app_settings::Format;
use serde_json::{Map, Number, Value};

/// A message or an event without its envelope.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// `event`, or the type of a message.
    pub(crate) kind: String,
    /// The name of an event, as WeChat spells it; empty for a message.
    pub(crate) name: String,
    /// The other fields, in order.
    pub(crate) fields: Vec<(String, Field)>,
    /// The items of a subscription message event; XML and JSON nest them differently.
    pub(crate) items: Vec<Vec<(String, Field)>>,
}

/// A value in a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Field {
    /// A CDATA section in XML.
    Text(String),
    /// Digits in XML.
    Number(Number),
    /// Nested fields.
    Group(Vec<(String, Self)>),
    /// A repeated field.
    List(Vec<Self>),
    /// An empty element in XML.
    Null,
}

impl Field {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn from_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::text(bool.to_string()),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::text(text),
            Value::Array(values) => Self::List(values.iter().map(Self::from_json).collect()),
            Value::Object(map) => Self::Group(group(map)),
        }
    }
}

fn group(map: &Map<String, Value>) -> Vec<(String, Field)> {
    map.iter().map(|(name, value)| (name.clone(), Field::from_json(value))).collect()
}

/// What is around the list of a subscription message event in JSON.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum ListWrapper {
    /// Nothing: it is called `List`.
    #[default]
    None,
    /// Nothing, but it has the wrapper's name.
    Name,
    /// An object with this name, as in XML.
    Object,
}

/// How JSON has the items of a subscription message event.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ListStyle {
    /// One item is in a list of its own.
    pub(crate) single_item_as_list: bool,
    /// What is around the list.
    pub(crate) wrapper: ListWrapper,
}

/// The recipient, the sender and the time of a message.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    /// `gh_…`.
    pub(crate) to: String,
    /// An openid.
    pub(crate) from: String,
    /// Unix seconds.
    pub(crate) create_time: i64,
}

impl Event {
    /// An event without further fields.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            kind: "event".to_owned(),
            name: name.to_owned(),
            fields: Vec::new(),
            items: Vec::new(),
        }
    }

    /// A message from a person.
    pub(crate) fn message(kind: &str) -> Self {
        Self { kind: kind.to_owned(), name: String::new(), fields: Vec::new(), items: Vec::new() }
    }

    /// Adds a field.
    pub(crate) fn with(mut self, name: &str, field: Field) -> Self {
        self.fields.push((name.to_owned(), field));
        self
    }

    /// Adds the items of a subscription message event.
    pub(crate) fn with_items(mut self, items: Vec<Vec<(String, Field)>>) -> Self {
        self.items = items;
        self
    }

    /// An arbitrary message from the control API, without the fields of the envelope.
    pub(crate) fn from_json(map: &Map<String, Value>) -> Self {
        let text =
            |name: &str| map.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut event = Self {
            kind: text("MsgType"),
            name: text("Event"),
            fields: Vec::new(),
            items: Vec::new(),
        };
        let wrapper = event.wrapper();
        for (name, value) in map {
            match (name.as_str(), &wrapper) {
                (
                    "ToUserName" | "FromUserName" | "CreateTime" | "MsgType" | "Event" | "from",
                    _,
                ) => {}
                ("List", Some(_)) => event.items = items(value),
                (name, Some(wrapper)) if name == wrapper => {
                    event.items = value.get("List").map(items).unwrap_or_default();
                }
                _ => event.fields.push((name.clone(), Field::from_json(value))),
            }
        }
        event
    }

    /// The name of an event, the type of a message.
    pub(crate) fn label(&self) -> &str {
        if self.name.is_empty() { &self.kind } else { &self.name }
    }

    /// The template that a user consents to with this event.
    pub(crate) fn consent(&self) -> Option<&str> {
        let item = self.items.first().filter(|_| self.name == "subscribe_msg_popup_event")?;
        let text = |name| match item.iter().find(|(known, _)| known == name)? {
            (_, Field::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        text("TemplateId").filter(|_| text("SubscribeStatusString") == Some("accept"))
    }

    /// Whether the person waits in a chat for the reply.
    pub(crate) fn is_awaited(&self) -> bool {
        self.kind != "event"
            || ["subscribe", "SCAN", "CLICK", "user_enter_tempsession"]
                .iter()
                .any(|name| self.name.eq_ignore_ascii_case(name))
    }

    /// The XML element around the items: `SubscribeMsgSentEvent` for
    /// `subscribe_msg_sent_event`.
    fn wrapper(&self) -> Option<String> {
        self.name.starts_with("subscribe_msg_").then(|| {
            let mut wrapper = String::new();
            for word in self.name.split('_') {
                let (first, rest) = word.split_at_checked(1).unwrap_or(("", word));
                wrapper.push_str(&first.to_uppercase());
                wrapper.push_str(rest);
            }
            wrapper
        })
    }

    /// The fields in a format, in order.
    pub(crate) fn fields_in(
        &self,
        format: Format,
        envelope: &Envelope,
        list: ListStyle,
    ) -> Vec<(String, Field)> {
        match format {
            Format::Xml => self.xml_fields(envelope),
            Format::Json => self.json_fields(envelope, list),
        }
    }

    /// The fields that both formats have, in WeChat's order.
    fn head(&self, envelope: &Envelope) -> Vec<(String, Field)> {
        let mut fields = vec![
            ("ToUserName".to_owned(), Field::text(&envelope.to)),
            ("FromUserName".to_owned(), Field::text(&envelope.from)),
            ("CreateTime".to_owned(), Field::Number(envelope.create_time.into())),
            ("MsgType".to_owned(), Field::text(&self.kind)),
        ];
        if !self.name.is_empty() {
            fields.push(("Event".to_owned(), Field::text(&self.name)));
        }
        fields.extend(self.fields.iter().cloned());
        fields
    }

    fn xml_fields(&self, envelope: &Envelope) -> Vec<(String, Field)> {
        let mut fields = self.head(envelope);
        if let Some(wrapper) = self.wrapper().filter(|_| !self.items.is_empty()) {
            let list = self.items.iter().cloned().map(Field::Group).collect();
            fields.push((wrapper, Field::Group(vec![("List".to_owned(), Field::List(list))])));
        }
        fields
    }

    /// In subscription message events every value is a string, and the list usually has no
    /// wrapper.
    fn json_fields(&self, envelope: &Envelope, style: ListStyle) -> Vec<(String, Field)> {
        let mut fields = self.head(envelope);
        let mut items: Vec<_> = self.items.iter().cloned().map(Field::Group).collect();
        let list = match items.len() {
            0 => None,
            1 if !style.single_item_as_list => items.pop(),
            _ => Some(Field::List(items)),
        };
        let name = self.wrapper().unwrap_or_default();
        fields.extend(list.map(|list| match style.wrapper {
            ListWrapper::None => ("List".to_owned(), list),
            ListWrapper::Name => (name, list),
            ListWrapper::Object => (name, Field::Group(vec![("List".to_owned(), list)])),
        }));
        if self.wrapper().is_some() {
            fields.iter_mut().for_each(|(_, field)| stringify(field));
        }
        fields
    }
}

fn items(value: &Value) -> Vec<Vec<(String, Field)>> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_object).map(group).collect(),
        Value::Object(map) => vec![group(map)],
        _ => Vec::new(),
    }
}

fn stringify(field: &mut Field) {
    match field {
        Field::Text(_) | Field::Null => {}
        Field::Number(number) => *field = Field::text(number.to_string()),
        Field::Group(fields) => fields.iter_mut().for_each(|(_, field)| stringify(field)),
        Field::List(fields) => fields.iter_mut().for_each(stringify),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::document::{Style, document};

    fn write(event: &Event, format: Format, single_item_as_list: bool) -> String {
        let list = ListStyle { single_item_as_list, ..ListStyle::default() };
        document(&event.fields_in(format, &envelope(), list), format, Style::default())
    }

    fn envelope() -> Envelope {
        Envelope { to: "gh_1".to_owned(), from: "oAnn".to_owned(), create_time: 1_700_000_000 }
    }

    #[test]
    fn message_is_written_in_both_formats() {
        let event = Event::message("text")
            .with("Content", Field::text("a ]]> & <b> \"c\""))
            .with("MsgId", Field::Number(24_000_000_000_000_001_i64.into()));
        assert_eq!(
            write(&event, Format::Xml, false),
            "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oAnn]]></FromUserName>\
             <CreateTime>1700000000</CreateTime><MsgType><![CDATA[text]]></MsgType>\
             <Content><![CDATA[a ]]]]><![CDATA[> & <b> \"c\"]]></Content><MsgId>24000000000000001</MsgId></xml>"
        );
        assert_eq!(
            write(&event, Format::Json, false),
            r#"{"ToUserName":"gh_1","FromUserName":"oAnn","CreateTime":1700000000,"MsgType":"text","Content":"a ]]> & <b> \"c\"","MsgId":24000000000000001}"#
        );
    }

    /// The two samples of WeChat's documentation with other values.
    #[test]
    fn items_nest_in_xml_and_not_in_json() {
        let item = |id: &str| {
            vec![
                ("TemplateId".to_owned(), Field::text(id)),
                ("PopupScene".to_owned(), Field::Number(0.into())),
            ]
        };
        let two = Event::new("subscribe_msg_popup_event").with_items(vec![item("A"), item("B")]);
        assert!(write(&two, Format::Xml, false).ends_with(
            "<Event><![CDATA[subscribe_msg_popup_event]]></Event><SubscribeMsgPopupEvent>\
             <List><TemplateId><![CDATA[A]]></TemplateId><PopupScene>0</PopupScene></List>\
             <List><TemplateId><![CDATA[B]]></TemplateId><PopupScene>0</PopupScene></List>\
             </SubscribeMsgPopupEvent></xml>"
        ));
        assert_eq!(
            write(&two, Format::Json, false),
            r#"{"ToUserName":"gh_1","FromUserName":"oAnn","CreateTime":"1700000000","MsgType":"event","Event":"subscribe_msg_popup_event","List":[{"TemplateId":"A","PopupScene":"0"},{"TemplateId":"B","PopupScene":"0"}]}"#
        );
        let one = Event::new("subscribe_msg_popup_event").with_items(vec![item("A")]);
        assert!(
            write(&one, Format::Json, false)
                .ends_with(r#""List":{"TemplateId":"A","PopupScene":"0"}}"#)
        );
        assert!(
            write(&one, Format::Json, true)
                .ends_with(r#""List":[{"TemplateId":"A","PopupScene":"0"}]}"#)
        );
    }

    #[test]
    fn arbitrary_message_is_read_from_json() {
        let value = serde_json::json!({
            "from": "ann", "MsgType": "event", "Event": "subscribe_msg_sent_event",
            "SubscribeMsgSentEvent": {"List": [{"TemplateId": "A"}]}, "Other": {"A": [1, "b"]}
        });
        let event = Event::from_json(value.as_object().unwrap());
        let json = write(&event, Format::Json, false);
        assert!(json.ends_with(r#""Other":{"A":["1","b"]},"List":{"TemplateId":"A"}}"#), "{json}");
        let xml = write(&event, Format::Xml, false);
        assert!(xml.contains("<Other><A>1</A><A><![CDATA[b]]></A></Other>"), "{xml}");
    }
}
