//! The phone number of a mini program's user.

use crate::secret::Secret;
use crate::wechat::client::{CallError, WeChatClient};
use crate::wechat::id::OpenId;
use crate::wechat::wire::answer::ApiResponse;
use crate::wechat::wire::fields::{Fields, MissingField};
use serde::Serialize;

/// A phone number. Its `Debug` doesn't show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneNumber {
    /// Without the country code; usually digits.
    pub number: Secret,
    /// The country code, without a plus sign, such as `86`.
    pub country_code: String,
}

/// The country code of a number that WeChat names none for: numbers abroad have a plus sign
/// and their code in front, in `phoneNumber`.
const DEFAULT_COUNTRY_CODE: &str = "86";

impl ApiResponse for PhoneNumber {
    fn read(fields: Fields<'_>) -> Result<Self, MissingField> {
        let info = fields.within("phone_info");
        let code = info.word("countryCode").map(|code| code.trim_start_matches('+').to_owned());
        let (number, code_in_number) =
            match (info.word("purePhoneNumber"), info.word("phoneNumber")) {
                (Some(number), _) => (number, None),
                (None, Some(whole)) => without_code(&whole, code.as_deref()),
                (None, None) => return Err(MissingField("phone_info.purePhoneNumber")),
            };
        let code = code.filter(|code| !code.is_empty()).or(code_in_number);
        let country_code = code.unwrap_or_else(|| DEFAULT_COUNTRY_CODE.to_owned());
        Ok(Self { number: Secret::new(number), country_code })
    }
}

/// Splits `+85251234567` by its country code, if that is known.
fn without_code(whole: &str, code: Option<&str>) -> (String, Option<String>) {
    let number = whole.strip_prefix('+').and_then(|digits| {
        let code = code.filter(|code| !code.is_empty()).unwrap_or(DEFAULT_COUNTRY_CODE);
        Some((digits.strip_prefix(code)?.to_owned(), Some(code.to_owned())))
    });
    number.unwrap_or_else(|| (whole.to_owned(), None))
}

impl PhoneNumber {
    /// The number as it may be shown to its owner: `138****1234`. A short one shows less.
    /// None shows more than about half of its characters, or how many there are.
    pub fn masked(&self) -> String {
        let characters: Vec<char> = self.number.expose().chars().collect();
        let (first, last) = match characters.len() {
            11.. => (3, 4),
            8..=10 => (2, 2),
            5..=7 => (0, 2),
            _ => (0, 0),
        };
        let first: String = characters.iter().take(first).collect();
        let last: String = characters.iter().skip(characters.len() - last).collect();
        format!("{first}****{last}")
    }
}

impl WeChatClient {
    /// Exchanges a code from the button that asks for the number
    /// (`open-type="getPhoneNumber"`), which is valid for 5 minutes, works once, and isn't a
    /// login code. WeChat charges for each number. With the openid it checks that the code
    /// is that user's.
    ///
    /// Source: WeChat's documentation, ["手机号快速验证"] (`getuserphonenumber`).
    ///
    /// ["手机号快速验证"]: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-info/phone-number/getPhoneNumber.html
    ///
    /// A refusal with 40029 asks for a new code; 40013 means that it is another
    /// app's, 40003 another user's.
    pub async fn phone_number(
        &self,
        access_token: &Secret,
        code: &str,
        open_id: &OpenId,
    ) -> Result<PhoneNumber, CallError> {
        #[derive(Serialize)]
        struct Request<'a> {
            code: &'a str,
            openid: &'a str,
        }
        let request = Request { code, openid: open_id.as_str() };
        self.post("/wxa/business/getuserphonenumber", Some(access_token), &request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_number_shows_its_beginning_and_its_end() {
        let masked = |number: &str| {
            PhoneNumber { number: Secret::new(number), country_code: "86".to_owned() }.masked()
        };
        assert_eq!(masked("13800001234"), "138****1234");
        assert_eq!(masked("51234567"), "51****67");
        assert_eq!(masked("1234567"), "****67");
        assert_eq!(masked("1234"), "****");
        assert_eq!(masked(""), "****");
    }

    #[test]
    fn phone_number_is_read_and_not_shown_in_debug() {
        let read = |info: serde_json::Value| {
            PhoneNumber::read(Fields(&serde_json::json!({ "phone_info": info }))).unwrap()
        };
        let phone = read(serde_json::json!({
            "phoneNumber": "+85251234567", "purePhoneNumber": "51234567", "countryCode": "852",
            "watermark": { "timestamp": 1, "appid": "wx1" },
        }));
        assert!(!format!("{phone:?}").contains("5123"), "{phone:?}");
        // WeChat's own sample for mini games has numbers (royalrick/weapp #74).
        for info in [
            serde_json::json!({ "purePhoneNumber": 51_234_567, "countryCode": 852 }),
            serde_json::json!({ "phoneNumber": "+85251234567", "countryCode": "852" }),
            serde_json::json!({ "phoneNumber": "51234567", "countryCode": "+852" }),
        ] {
            assert_eq!(read(info), phone);
        }
        for info in [
            serde_json::json!({ "phoneNumber": "+8613800001234" }),
            serde_json::json!({ "purePhoneNumber": 13_800_001_234_u64, "countryCode": null }),
        ] {
            let phone = read(info);
            assert_eq!(phone.number.expose(), "13800001234");
            assert_eq!(phone.country_code, "86");
        }
        let none = PhoneNumber::read(Fields(&serde_json::json!({ "phone_info": { "a": 1 } })));
        assert_eq!(none, Err(MissingField("phone_info.purePhoneNumber")));
    }
}
