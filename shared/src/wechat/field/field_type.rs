//! The types of WeChat's keys, and their rules in words.

/// The kinds of message that are made of a template. Their keys differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A template message of an Official Account (模板消息). Keys with a type
    /// have a number, as in `thing1`. Those of templates from before 2023
    /// (`first`, `keyword1`, `remark`) and those of test accounts, whose owners
    /// name them as they like (`name`, `date`), have no type.
    Template,
    /// A subscription message of a mini program (订阅消息). Every key has a type.
    Subscribe,
}

/// The type of a key: the rule that its values keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// `thing`: at most 20 characters of any sort.
    Thing,
    /// `short_thing`, in template messages only: at most 5 characters.
    ShortThing,
    /// `number`: at most 32 digits, decimals allowed.
    Number,
    /// `letter`: at most 32 letters.
    Letter,
    /// `symbol`: at most 5 symbols.
    Symbol,
    /// `character_string`: at most 32 digits, letters and symbols.
    CharacterString,
    /// `time`: a 24-hour time, a date before it if one likes.
    Time,
    /// `date`: a date, a 24-hour time behind it if one likes.
    Date,
    /// `amount`: a currency symbol and at most 10 digits, decimals allowed.
    Amount,
    /// `amount` in template messages: as [`FieldType::Amount`], with at most 12 digits.
    LongAmount,
    /// `phone_number`: at most 17 digits and symbols.
    PhoneNumber,
    /// `car_number`: at most 8 letters and digits; the first and the last may
    /// be Chinese.
    CarNumber,
    /// `name`: at most 10 characters, or 20 if none of them is Chinese.
    Name,
    /// `phrase`: at most 5 Chinese characters.
    Phrase,
    /// `enum_string` in subscription messages: one of the values that were chosen
    /// with the template. Which ones these are is known by WeChat alone.
    Listed,
    /// `const` in template messages: as [`FieldType::Listed`], or nothing.
    OptionalListed,
    /// `keyword1` of a template message from before 2023: no rule, but WeChat
    /// shows the first 20 characters only.
    Keyword,
    /// `first` and `remark` of a template message from before 2023: no rule,
    /// and not shown any more.
    Hidden,
    /// None of these: WeChat alone knows the rule.
    Unknown,
}

impl FieldType {
    /// The type of a key in this kind of message.
    pub fn for_key(key: &str, message: MessageKind) -> Self {
        let name = key.trim_end_matches(|c: char| c.is_ascii_digit());
        let numbered = name.len() < key.len();
        match (message, name) {
            (MessageKind::Template, "first" | "remark") if !numbered => Self::Hidden,
            (MessageKind::Template, _) if !numbered => Self::Unknown,
            (MessageKind::Template, "keyword") => Self::Keyword,
            (MessageKind::Template, "short_thing") => Self::ShortThing,
            (MessageKind::Template, "const") => Self::OptionalListed,
            (MessageKind::Template, "amount") => Self::LongAmount,
            (MessageKind::Subscribe, "enum" | "enum_string") => Self::Listed,
            (_, "thing") => Self::Thing,
            (_, "number") => Self::Number,
            (_, "letter") => Self::Letter,
            (_, "symbol") => Self::Symbol,
            (_, "character_string") => Self::CharacterString,
            (_, "time") => Self::Time,
            (_, "date") => Self::Date,
            (_, "amount") => Self::Amount,
            (_, "phone_number") => Self::PhoneNumber,
            (_, "car_number") => Self::CarNumber,
            (_, "name") => Self::Name,
            (_, "phrase") => Self::Phrase,
            _ => Self::Unknown,
        }
    }

    /// Whether a text that is cut short still says something, and still keeps
    /// to the rule.
    pub fn can_be_truncated(self) -> bool {
        matches!(
            self,
            Self::Thing | Self::ShortThing | Self::CharacterString | Self::Name | Self::Keyword
        )
    }

    /// The rule in words.
    pub(super) fn rule(self) -> &'static str {
        match self {
            Self::Thing => "a thing has at most 20 characters",
            Self::ShortThing => "a short_thing has at most 5 characters",
            Self::Number => "a number has at most 32 digits, with at most one point between them",
            Self::Letter => "a letter has at most 32 letters from A to Z, and nothing else",
            Self::Symbol => "a symbol has at most 5 symbols, and no letters, digits or Chinese",
            Self::CharacterString => {
                "a character_string has at most 32 letters, digits and symbols, and no Chinese"
            }
            Self::Time => {
                "a time is like 15:04 or 2026年11月20日 15:04, or two of these with ~ between"
            }
            Self::Date => {
                "a date is like 2026年11月20日 or 2026-11-20, with a time or not, or two of these with ~ between"
            }
            Self::Amount => "an amount is like ¥12.50, 12.50 or 12.50元, with at most 10 digits",
            Self::LongAmount => {
                "an amount is like ¥12.50, 12.50 or 12.50元, with at most 12 digits"
            }
            Self::PhoneNumber => "a phone_number has at most 17 digits and symbols",
            Self::CarNumber => {
                "a car_number has at most 8 letters and digits; its first and its last may be Chinese"
            }
            Self::Name => {
                "a name has at most 10 characters, or 20 if none of them is Chinese, and no digits"
            }
            Self::Phrase => "a phrase has at most 5 characters, all of them Chinese",
            Self::Listed | Self::OptionalListed => {
                "it has one of the values that were chosen with WeChat's template"
            }
            Self::Keyword | Self::Hidden | Self::Unknown => "WeChat takes a line of text",
        }
    }
}
