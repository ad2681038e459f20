//! Our own client, for the same purposes.

use super::{FIELDS, PAGE, Purpose, TEXT, URL};
use crate::sandbox::{App, SHOP_MINI, Sandbox};
use shared::secret::Secret;
use shared::wechat::client::{CallError, WeChatClient};
use shared::wechat::customer_service::CustomerServiceMessage;
use shared::wechat::id::{AppId, OpenId};
use shared::wechat::message::{
    MiniProgram, SubscribeMessage, TemplateData, TemplateMessage, TemplateValue,
};

/// What keeps our template message from doubling.
pub(super) const ONCE: &str = "order-17-shipped";

/// Our own client, as the functions use it.
pub(super) struct Ours(WeChatClient);

impl Ours {
    pub(super) fn new(sandbox: &Sandbox) -> Self {
        let client = WeChatClient::new(sandbox.http(), &sandbox.base());
        Self(client.expect("the sandbox has told its own address"))
    }

    /// Asks WeChat for this.
    pub(super) async fn call(
        &self,
        purpose: Purpose,
        app: App,
        open_id: &str,
        code: &str,
    ) -> Result<(), CallError> {
        let app_id = AppId::parse(app.app_id).expect("one of the example's");
        let secret = Secret::new(app.secret);
        let open_id = OpenId::parse(open_id).expect("one of the example's");
        let Self(client) = self;
        if purpose == Purpose::Login {
            return client.code_to_session(&app_id, &secret, code).await.map(drop);
        }
        let token = client.stable_token(&app_id, &secret, false).await?.access_token;
        let fields =
            FIELDS.map(|(key, value)| (key.to_owned(), TemplateValue { value: value.to_owned() }));
        let data = TemplateData(fields.into());
        let message = match purpose {
            Purpose::Token | Purpose::Login => return Ok(()),
            Purpose::Followers => return client.follower_page(&token, None).await.map(drop),
            Purpose::Profile => return client.user_info(&token, &open_id).await.map(drop),
            Purpose::Template | Purpose::PageTemplate => {
                let program = AppId::parse(SHOP_MINI.app_id).expect("one of the example's");
                let program = MiniProgram { appid: &program, pagepath: Some(PAGE.to_owned()) };
                TemplateMessage {
                    touser: &open_id,
                    template_id: purpose.template_id(),
                    url: Some(URL),
                    miniprogram: Some(program).filter(|_| purpose == Purpose::Template),
                    client_msg_id: ONCE,
                    data: &data,
                }
                .request()
            }
            Purpose::Subscribe => SubscribeMessage {
                touser: &open_id,
                template_id: purpose.template_id(),
                page: Some(PAGE),
                miniprogram_state: None,
                lang: None,
                data: &data,
            }
            .request(),
            Purpose::AccountText | Purpose::ProgramText => {
                CustomerServiceMessage::Text(TEXT.to_owned()).request(&open_id)
            }
        };
        client.send(&token, &message).await.map(drop)
    }
}
