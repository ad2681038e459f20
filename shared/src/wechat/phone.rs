//! The phone number of a mini program's user.

use crate::secret::Secret;
use crate::wechat::client::{CallError, WeChatClient};
use crate::wechat::id::OpenId;
use serde::{Deserialize, Serialize};

/// A phone number. Its `Debug` doesn't show it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PhoneNumber {
    /// Without the country code; usually digits.
    #[serde(rename = "purePhoneNumber")]
    pub number: Secret,
    /// The country code, without a plus sign, such as `86`.
    #[serde(rename = "countryCode")]
    pub country_code: String,
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
        #[derive(Deserialize)]
        struct Response {
            phone_info: PhoneNumber,
        }
        let request = Request { code, openid: open_id.as_str() };
        let response: Response =
            self.post("/wxa/business/getuserphonenumber", Some(access_token), &request).await?;
        Ok(response.phone_info)
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
        let said = r#"{"phoneNumber":"+85251234567","purePhoneNumber":"51234567","countryCode":"852","watermark":{"timestamp":1,"appid":"wx1"}}"#;
        let phone: PhoneNumber = serde_json::from_str(said).unwrap();
        assert_eq!((phone.number.expose(), phone.country_code.as_str()), ("51234567", "852"));
        assert!(!format!("{phone:?}").contains("5123"), "{phone:?}");
    }
}
