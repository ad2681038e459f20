//! The list of oddities. The table in the README is the same list.

use serde::{Deserialize, Serialize};

/// Where an oddity occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wire {
    /// In the answers of the API.
    Answers,
    /// In pushes to callbacks.
    Pushes,
    /// In both.
    Both,
    /// In what follows a send: when its receipt comes, and what it says.
    Receipts,
}

/// What an oddity does to a program that reads it rightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    /// Nothing: the meaning is the same. Chaos draws it.
    None,
    /// It learns less, or something else. Only its switch turns it on.
    Changes,
}

/// How it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Evidence {
    /// WeChat's documentation says or shows it.
    Documented,
    /// It was reported from real traffic.
    Observed,
    /// It is unreported; a tolerant reader accepts it all the same.
    Assumed,
}

/// What there is to know about an oddity.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) name: Oddity,
    pub(crate) wire: Wire,
    pub(crate) effect: Effect,
    pub(crate) evidence: Evidence,
    /// A link, or nothing.
    pub(crate) source: &'static str,
}

/// Defines the oddities: name, wire, effect, evidence, source.
macro_rules! oddities {
    ($($(#[$doc:meta])* $name:ident: $wire:ident, $effect:ident, $evidence:ident, $source:literal;)*) => {
        /// An oddity of WeChat's wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum Oddity { $($(#[$doc])* $name,)* }

        /// All of them.
        pub(crate) const CATALOG: &[Entry] = &[$(Entry {
            name: Oddity::$name,
            wire: Wire::$wire,
            effect: Effect::$effect,
            evidence: Evidence::$evidence,
            source: $source,
        },)*];
    };
}

oddities! {
    /// Numbers are strings.
    NumbersAsStrings: Both, None, Observed, "https://github.com/binarywang/WxJava/pull/2477";
    /// Strings of digits are numbers; in XML they have no CDATA.
    StringsAsNumbers: Both, None, Observed, "https://github.com/royalrick/weapp/issues/74";
    /// Side fields are null; in a push, empty elements.
    NullFields: Both, None, Assumed, "";
    /// Side fields are missing.
    MissingFields: Both, None, Observed, "https://github.com/dodgepudding/wechat-php-sdk/pull/119";
    /// Side fields are empty strings, also the unionid of a user who has none.
    EmptyFields: Answers, None, Assumed, "";
    /// There are fields that no documentation names.
    UnknownFields: Both, None, Observed, "https://github.com/silenceper/wechat/issues/758";
    /// A text contains a control character that the format forbids.
    RawControlCharacters: Both, None, Observed, "https://github.com/node-webot/co-wechat-api/issues/63";
    /// A text contains half of a surrogate pair.
    HalfSurrogates: Both, None, Assumed, "";
    /// A text contains a byte that is not UTF-8.
    InvalidUtf8: Both, None, Observed, "https://github.com/chanxuehong/wechat/pull/187";
    /// A byte order mark comes first.
    ByteOrderMark: Both, None, Assumed, "";
    /// There is white space around everything, also after a CDATA section.
    WhiteSpace: Both, None, Documented, "https://developers.weixin.qq.com/doc/service/guide/product/subscription_messages/push.html";
    /// JSON comes as `text/plain`.
    PlainContentType: Answers, None, Observed, "https://github.com/doocs/md/pull/1878";
    /// A list of profiles has a null in it.
    NullProfiles: Answers, None, Assumed, "";
    /// A list of followers has a null in it.
    NullOpenids: Answers, None, Assumed, "";
    /// A consent is `acceptWithAudio`, `acceptWithAlert` or `acceptWithForcePush`.
    AcceptWords: Pushes, None, Observed, "https://developers.weixin.qq.com/community/develop/article/doc/0006e8c2dbc8988ca0b0b9d4e6b013";
    /// A CDATA section contains another one.
    NestedCdata: Pushes, None, Observed, "https://github.com/silenceper/wechat/issues/750";
    /// The fields of JSON are in another order.
    ShuffledFields: Pushes, None, Observed, "https://developers.weixin.qq.com/community/develop/doc/000a08f88180a0081400916f966400";
    /// Parameters are in another order, with one more.
    ShuffledQuery: Pushes, None, Assumed, "";
    /// The query of a push has no openid.
    QueryWithoutOpenid: Pushes, None, Documented, "https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html";
    /// The list of a subscription event in JSON has a wrapper, as in XML.
    WrappedList: Pushes, None, Documented, "https://developers.weixin.qq.com/community/develop/doc/000ac6521e0610b4736c5542356000";
    /// A list of one item in JSON is a list.
    OneItemList: Pushes, None, Documented, "https://developers.weixin.qq.com/community/develop/doc/000a08f88180a0081400916f966400";
    /// The XML of a change event has the wrapper of the popup event.
    PopupWrapper: Pushes, None, Documented, "https://developers.weixin.qq.com/community/minihome/doc/00028ecb2945f847f5abc9f1551800";
    /// A message is delivered again after its acknowledgement.
    PushedTwice: Pushes, None, Documented, "https://developers.weixin.qq.com/community/develop/doc/000c6cde734cc05249730c8e96b800";
    /// A receipt comes later.
    ReceiptLate: Receipts, None, Observed, "https://developers.weixin.qq.com/community/develop/doc/000e0a0cf641b0f7e38213fe366c00";
    /// A receipt comes twice.
    ReceiptTwice: Receipts, None, Documented, "https://developers.weixin.qq.com/community/develop/doc/000c6cde734cc05249730c8e96b800";

    /// A receipt comes before the answer to its send.
    ReceiptEarly: Receipts, Changes, Assumed, "";
    /// WeChat didn't deliver, because the user gets too many messages.
    ReceiptFreqLimit: Receipts, Changes, Observed, "https://developers.weixin.qq.com/community/personal/oCJUsw3wodZLOPz0rEGohEItTOEI/question";
    /// WeChat didn't deliver, for a reason of its own.
    ReceiptSystemFailed: Receipts, Changes, Documented, "https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html";
    /// WeChat didn't deliver, for a reason that no documentation names.
    ReceiptUnknownWord: Receipts, Changes, Assumed, "";
    /// The answer to a send names no message.
    SendWithoutMsgid: Answers, Changes, Observed, "https://developers.weixin.qq.com/community/develop/doc/000ea648670c88925b0d5479756c00";
    /// A repeated send is 45065, and names no message.
    RepeatWithoutMsgid: Answers, Changes, Observed, "https://developers.weixin.qq.com/community/develop/doc/000eea3d158e900646797aa6d51000";
    /// A call fails with a code that no documentation of its path names.
    UnknownErrorBefore: Answers, Changes, Observed, "https://developers.weixin.qq.com/community/develop/doc/0006a206ea4e18d83c9bc29445b000";
    /// The same, after the call had its effect.
    UnknownErrorAfter: Answers, Changes, Assumed, "";
    /// A profile doesn't say whether the user follows.
    ProfileWithoutSubscribe: Answers, Changes, Assumed, "";
    /// A profile's time of the follow is empty.
    ProfileWithoutTime: Answers, Changes, Assumed, "";
    /// A profile's openid is null.
    ProfileWithoutOpenid: Answers, Changes, Assumed, "";
    /// A phone number comes only with its country code.
    PhoneWithoutPureNumber: Answers, Changes, Assumed, "";
    /// An answer about consent is a word that no documentation names.
    UnknownConsentWord: Pushes, Changes, Assumed, "";
    /// A consent is followed by a change event that confirms it.
    AcceptingChange: Pushes, Changes, Assumed, "";
    /// A text message is a file.
    FileMessage: Pushes, Changes, Observed, "https://github.com/JeffreySu/WeiXinMPSDK/issues/1071";
    /// A message is of an unknown type.
    UnknownMessageType: Pushes, Changes, Assumed, "";
    /// An event has an unknown name.
    UnknownEvent: Pushes, Changes, Documented, "https://developers.weixin.qq.com/minigame/dev/guide/open-ability/game-gift.md";
    /// An event names no user.
    EventWithoutSender: Pushes, Changes, Documented, "https://developers.weixin.qq.com/minigame/dev/guide/open-ability/game-gift.md";
}

impl Wire {
    /// Whether a call, or else a push, can have it. A receipt's are those of the send.
    pub(crate) fn is_of(self, call: bool) -> bool {
        match self {
            Self::Answers | Self::Receipts => call,
            Self::Pushes => !call,
            Self::Both => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    /// The rows of the table in a README: name, wire, evidence with its link, chaos.
    fn rows(readme: &str, words: [&str; 8]) -> Vec<[String; 4]> {
        let rows = readme
            .lines()
            .filter(|line| line.starts_with("| `") && line.matches(" | ").count() == 4);
        rows.filter_map(|row| {
            let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            let english = |cell: &str| {
                let at = words.iter().position(|word| *word == cell)?;
                Some(
                    [
                        "answers",
                        "pushes",
                        "both",
                        "receipts",
                        "yes",
                        "no",
                        "documented",
                        "observed",
                    ][at],
                )
            };
            let (word, link) = match cells[3].strip_prefix('[') {
                Some(link) => link.trim_end_matches(')').split_once("](")?,
                None => (cells[3], ""),
            };
            let evidence =
                english(word).map_or_else(|| "assumed".to_owned(), |word| format!("{word} {link}"));
            let name = cells[0].trim_matches('`').to_owned();
            Some([name, english(cells[1])?.to_owned(), evidence, english(cells[4])?.to_owned()])
        })
        .collect()
    }

    #[test]
    fn readmes_have_the_same_table() {
        let word = |value: Value| value.as_str().unwrap().to_owned();
        let listed: Vec<_> = CATALOG
            .iter()
            .map(|entry| {
                let chaos = if entry.effect == Effect::None { "yes" } else { "no" };
                let evidence = match entry.evidence {
                    Evidence::Assumed => "assumed".to_owned(),
                    other => format!("{} {}", word(json!(other)), entry.source),
                };
                [word(json!(entry.name)), word(json!(entry.wire)), evidence, chaos.to_owned()]
            })
            .collect();
        let english = include_str!("../../README.md");
        let chinese = include_str!("../../README.zh-CN.md");
        let words =
            ["answers", "pushes", "both", "receipts", "yes", "no", "documented", "observed"];
        assert_eq!(rows(english, words), listed);
        let words = ["响应", "推送", "两者", "回执", "是", "否", "文档", "实测"];
        assert_eq!(rows(chinese, words), listed);
    }

    #[test]
    fn each_is_listed_once_and_has_a_source_unless_it_is_assumed() {
        let names: BTreeSet<_> = CATALOG.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), CATALOG.len());
        for entry in CATALOG {
            let is_assumed = entry.evidence == Evidence::Assumed;
            assert_eq!(entry.source.is_empty(), is_assumed, "{entry:?}");
            assert!(is_assumed || entry.source.starts_with("https://"), "{entry:?}");
        }
    }
}
