//! Events: follows, taps, consents, delivery receipts, and so on.
//!
//! Source: WeChat's documentation, ["接收事件推送"] (receiving events), ["自定义菜单事件推送"]
//! (menu events), ["模板消息"] (template messages), ["订阅通知"] (subscription notifications),
//! "用户授权信息变更" (changes of authorization) and "微信认证事件推送" (verification events).
//!
//! ["接收事件推送"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_event_pushes.html
//! ["自定义菜单事件推送"]: https://developers.weixin.qq.com/doc/offiaccount/Custom_Menus/Custom_Menu_Push_Events.html
//! ["模板消息"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html
//! ["订阅通知"]: https://developers.weixin.qq.com/doc/offiaccount/Subscription_Messages/api.html

use super::receipt::{
    ConsentDecision, DeliveryReceipt, MassDeliveryReceipt, ServiceDeliveryReceipt,
};
use crate::wechat::wire::fields::Fields;

/// An event. A field that WeChat left out is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The user follows the Official Account.
    Subscribe {
        /// The scene of the QR code that led there, if one did.
        scene: Option<String>,
        /// The ticket of that code.
        ticket: Option<String>,
    },
    /// The user no longer follows it.
    Unsubscribe,
    /// A follower scanned one of the account's QR codes.
    Scan {
        /// The code's scene.
        scene: String,
        /// The code's ticket.
        ticket: Option<String>,
    },
    /// The user's location, if the user and the account have allowed it.
    Location {
        /// In decimal degrees, as WeChat writes it.
        latitude: String,
        /// In decimal degrees, as WeChat writes it.
        longitude: String,
        /// In metres, as WeChat writes it.
        precision: String,
    },
    /// The user tapped a menu item that asks for an answer.
    Click {
        /// The item's key.
        key: String,
    },
    /// The user tapped a menu item that leads to a web page.
    View {
        /// Where it leads.
        url: String,
        /// The menu, if the account has several.
        menu_id: Option<String>,
    },
    /// The user tapped a menu item that leads to a mini program.
    ViewMiniProgram {
        /// The page it leads to.
        page: String,
        /// The menu, if the account has several.
        menu_id: Option<String>,
    },
    /// The user scanned a code by a menu item, and is shown what it says.
    ScanCodePush {
        /// The item's key.
        key: String,
        /// What was scanned.
        scan: ScannedCode,
    },
    /// The user scanned a code by a menu item, and waits for an answer.
    ScanCodeWaitMessage {
        /// The item's key.
        key: String,
        /// What was scanned.
        scan: ScannedCode,
    },
    /// The user took pictures by a menu item; each comes as a message, too.
    PictureSystemPhoto {
        /// The item's key.
        key: String,
        /// What was taken.
        pictures: Pictures,
    },
    /// The user took or chose pictures by a menu item.
    PicturePhotoOrAlbum {
        /// The item's key.
        key: String,
        /// What was taken or chosen.
        pictures: Pictures,
    },
    /// The user chose pictures in WeChat's album by a menu item.
    PictureWeChat {
        /// The item's key.
        key: String,
        /// What was chosen.
        pictures: Pictures,
    },
    /// The user chose a place by a menu item.
    LocationSelect {
        /// The item's key.
        key: String,
        /// The place.
        place: ChosenLocation,
    },
    /// The receipt of a template message.
    TemplateSendJobFinish(DeliveryReceipt),
    /// The receipt of a mass message.
    MassSendJobFinish(MassDeliveryReceipt),
    /// The user answered the popup that asks for consent, per template.
    SubscribeMessagePopup(Vec<ConsentDecision>),
    /// The user withdrew consent in WeChat's settings.
    SubscribeMessageChange(Vec<ConsentDecision>),
    /// The receipts of subscription messages.
    SubscribeMessageSent(Vec<DeliveryReceipt>),
    /// The receipt of a service card.
    NotifyServiceMessageSendResult(ServiceDeliveryReceipt),
    /// The user entered the mini program's customer service.
    UserEnterTempSession {
        /// The `session-from` of the button that led there.
        session_from: String,
    },
    /// The user changed data that the app had got.
    UserInfoModified {
        /// What was changed, by WeChat's numbers.
        revoked: Vec<u32>,
    },
    /// The user revoked the permission to use some of that data.
    UserAuthorizationRevoke {
        /// What was revoked, by WeChat's numbers: 6 nickname and picture, 8
        /// phone number, 13 location, ….
        revoked: Vec<u32>,
    },
    /// The user has closed their WeChat account (注销), which revokes every permission.
    UserAuthorizationCancellation {
        /// What was revoked, by WeChat's numbers.
        revoked: Vec<u32>,
    },
    /// The result of a content check of a picture or a recording.
    MediaCheck {
        /// The `trace_id` from the request for the check.
        trace_id: String,
        /// `pass`, `risky` or `review`; empty when the check failed.
        suggestion: String,
        /// WeChat's category of the content; 100 is harmless.
        label: Option<u64>,
        /// Why the check failed, by WeChat's numbers; 0 if it didn't.
        error_code: Option<String>,
    },
    /// A developer tries the URL out in WeChat's console.
    DebugDemo {
        /// What they sent.
        text: String,
    },
    /// WeChat has verified who owns the account.
    QualificationVerifySuccess(Verification),
    /// WeChat could not verify who owns the account.
    QualificationVerifyFail(Verification),
    /// WeChat has verified the account's name.
    NamingVerifySuccess(Verification),
    /// WeChat could not verify the account's name.
    NamingVerifyFail(Verification),
    /// The yearly verification is due.
    AnnualRenew(Verification),
    /// The verification has run out.
    VerifyExpired(Verification),
    /// A customer-service agent took over the chat.
    KfCreateSession {
        /// The agent, as `name@account`.
        account: String,
    },
    /// The agent ended it.
    KfCloseSession {
        /// The agent, as `name@account`.
        account: String,
    },
    /// The agent transferred it.
    KfSwitchSession {
        /// The agent of before, as `name@account`.
        from: String,
        /// The agent of now, as `name@account`.
        to: String,
    },
}

/// A code that was scanned by a menu item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedCode {
    /// `qrcode`, or another kind of code.
    pub code_type: String,
    /// What it says.
    pub result: String,
}

/// Pictures that were taken or chosen by a menu item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pictures {
    /// How many there are.
    pub count: Option<u64>,
    /// The MD5 sum of each.
    pub md5: Vec<String>,
}

/// A place that was chosen by a menu item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenLocation {
    /// In decimal degrees, as WeChat writes it.
    pub latitude: String,
    /// In decimal degrees, as WeChat writes it.
    pub longitude: String,
    /// How far the map was zoomed in.
    pub scale: Option<u64>,
    /// The place in words.
    pub label: String,
    /// Its name, if it is a known one.
    pub name: String,
}

/// A step in the verification of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// When it runs out, in seconds since 1970.
    pub expires: Option<u64>,
    /// When it failed, in seconds since 1970.
    pub failed: Option<u64>,
    /// Why it failed.
    pub reason: String,
}

impl Event {
    /// Reads an event. `name` is WeChat's in lower case, because its spelling differs between
    /// accounts. None if the name is unknown. It is an error if a required field is missing.
    pub(super) fn read(name: &str, fields: Fields<'_>) -> Result<Option<Self>, &'static str> {
        let key = || fields.text("EventKey");
        let ticket = || fields.word("Ticket");
        let menu_id = || fields.word("MenuId");
        let account = || fields.text("KfAccount");
        Ok(Some(match name {
            "subscribe" => Self::Subscribe { scene: scene_of_follow(&key()), ticket: ticket() },
            "unsubscribe" => Self::Unsubscribe,
            "scan" => Self::Scan { scene: key(), ticket: ticket() },
            "location" => Self::Location {
                latitude: fields.text("Latitude"),
                longitude: fields.text("Longitude"),
                precision: fields.text("Precision"),
            },
            "click" => Self::Click { key: key() },
            "view" => Self::View { url: key(), menu_id: menu_id() },
            "view_miniprogram" => Self::ViewMiniProgram { page: key(), menu_id: menu_id() },
            "scancode_push" => Self::ScanCodePush { key: key(), scan: ScannedCode::read(fields) },
            "scancode_waitmsg" => {
                Self::ScanCodeWaitMessage { key: key(), scan: ScannedCode::read(fields) }
            }
            "pic_sysphoto" => {
                Self::PictureSystemPhoto { key: key(), pictures: Pictures::read(fields) }
            }
            "pic_photo_or_album" => {
                Self::PicturePhotoOrAlbum { key: key(), pictures: Pictures::read(fields) }
            }
            "pic_weixin" => Self::PictureWeChat { key: key(), pictures: Pictures::read(fields) },
            "location_select" => {
                Self::LocationSelect { key: key(), place: ChosenLocation::read(fields) }
            }
            "templatesendjobfinish" => {
                Self::TemplateSendJobFinish(DeliveryReceipt::from_template_event(fields)?)
            }
            "masssendjobfinish" => Self::MassSendJobFinish(MassDeliveryReceipt::read(fields)),
            "subscribe_msg_popup_event" => {
                Self::SubscribeMessagePopup(ConsentDecision::read(fields)?)
            }
            "subscribe_msg_change_event" => {
                Self::SubscribeMessageChange(ConsentDecision::read(fields)?)
            }
            "subscribe_msg_sent_event" => {
                Self::SubscribeMessageSent(DeliveryReceipt::from_subscription_event(fields)?)
            }
            "notify_service_msg_send_result" => {
                Self::NotifyServiceMessageSendResult(ServiceDeliveryReceipt::read(fields))
            }
            "user_enter_tempsession" => {
                Self::UserEnterTempSession { session_from: fields.text("SessionFrom") }
            }
            "user_info_modified" => Self::UserInfoModified { revoked: revoked(fields) },
            "user_authorization_revoke" => {
                Self::UserAuthorizationRevoke { revoked: revoked(fields) }
            }
            "user_authorization_cancellation" => {
                Self::UserAuthorizationCancellation { revoked: revoked(fields) }
            }
            "wxa_media_check" => {
                let result = fields.within("result");
                Self::MediaCheck {
                    trace_id: fields.text("trace_id"),
                    suggestion: result.text("suggest"),
                    label: result.number("label"),
                    error_code: fields.word("errcode"),
                }
            }
            "debug_demo" => Self::DebugDemo { text: fields.text("debug_str") },
            "qualification_verify_success" => {
                Self::QualificationVerifySuccess(Verification::read(fields))
            }
            "qualification_verify_fail" => {
                Self::QualificationVerifyFail(Verification::read(fields))
            }
            "naming_verify_success" => Self::NamingVerifySuccess(Verification::read(fields)),
            "naming_verify_fail" => Self::NamingVerifyFail(Verification::read(fields)),
            "annual_renew" => Self::AnnualRenew(Verification::read(fields)),
            "verify_expired" => Self::VerifyExpired(Verification::read(fields)),
            "kf_create_session" => Self::KfCreateSession { account: account() },
            "kf_close_session" => Self::KfCloseSession { account: account() },
            "kf_switch_session" => Self::KfSwitchSession {
                from: fields.text("FromKfAccount"),
                to: fields.text("ToKfAccount"),
            },
            _ => return Ok(None),
        }))
    }

    /// Whether it changes what belongs to a user.
    pub(super) fn is_about_a_user(&self) -> bool {
        !matches!(
            self,
            Self::MassSendJobFinish(_)
                | Self::NotifyServiceMessageSendResult(_)
                | Self::MediaCheck { .. }
                | Self::DebugDemo { .. }
                | Self::QualificationVerifySuccess(_)
                | Self::QualificationVerifyFail(_)
                | Self::NamingVerifySuccess(_)
                | Self::NamingVerifyFail(_)
                | Self::AnnualRenew(_)
                | Self::VerifyExpired(_)
        )
    }

    /// WeChat's name of it, in lower case.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Subscribe { .. } => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Scan { .. } => "scan",
            // WeChat's name is also that of a message with a location.
            Self::Location { .. } => "event_location",
            Self::Click { .. } => "click",
            Self::View { .. } => "view",
            Self::ViewMiniProgram { .. } => "view_miniprogram",
            Self::ScanCodePush { .. } => "scancode_push",
            Self::ScanCodeWaitMessage { .. } => "scancode_waitmsg",
            Self::PictureSystemPhoto { .. } => "pic_sysphoto",
            Self::PicturePhotoOrAlbum { .. } => "pic_photo_or_album",
            Self::PictureWeChat { .. } => "pic_weixin",
            Self::LocationSelect { .. } => "location_select",
            Self::TemplateSendJobFinish(_) => "templatesendjobfinish",
            Self::MassSendJobFinish(_) => "masssendjobfinish",
            Self::SubscribeMessagePopup(_) => "subscribe_msg_popup_event",
            Self::SubscribeMessageChange(_) => "subscribe_msg_change_event",
            Self::SubscribeMessageSent(_) => "subscribe_msg_sent_event",
            Self::NotifyServiceMessageSendResult(_) => "notify_service_msg_send_result",
            Self::UserEnterTempSession { .. } => "user_enter_tempsession",
            Self::UserInfoModified { .. } => "user_info_modified",
            Self::UserAuthorizationRevoke { .. } => "user_authorization_revoke",
            Self::UserAuthorizationCancellation { .. } => "user_authorization_cancellation",
            Self::MediaCheck { .. } => "wxa_media_check",
            Self::DebugDemo { .. } => "debug_demo",
            Self::QualificationVerifySuccess(_) => "qualification_verify_success",
            Self::QualificationVerifyFail(_) => "qualification_verify_fail",
            Self::NamingVerifySuccess(_) => "naming_verify_success",
            Self::NamingVerifyFail(_) => "naming_verify_fail",
            Self::AnnualRenew(_) => "annual_renew",
            Self::VerifyExpired(_) => "verify_expired",
            Self::KfCreateSession { .. } => "kf_create_session",
            Self::KfCloseSession { .. } => "kf_close_session",
            Self::KfSwitchSession { .. } => "kf_switch_session",
        }
    }
}

/// A follow by QR code has the code's scene as its key. Other follows have an empty key, or
/// one with another meaning.
fn scene_of_follow(key: &str) -> Option<String> {
    key.strip_prefix("qrscene_").map(str::to_owned)
}

fn revoked(fields: Fields<'_>) -> Vec<u32> {
    let numbers = fields.text("RevokeInfo");
    numbers.split(',').filter_map(|number| number.trim().parse().ok()).collect()
}

impl ScannedCode {
    fn read(fields: Fields<'_>) -> Self {
        let scan = fields.within("ScanCodeInfo");
        Self { code_type: scan.text("ScanType"), result: scan.text("ScanResult") }
    }
}

impl Pictures {
    fn read(fields: Fields<'_>) -> Self {
        let info = fields.within("SendPicsInfo");
        // One list of all pictures, or a list for each, as WxJava has met it.
        let pictures = info.objects("PicList").into_iter().flat_map(|list| {
            let items = list.objects("item");
            if items.is_empty() { vec![list] } else { items }
        });
        Self {
            count: info.number("Count"),
            md5: pictures.filter_map(|picture| picture.word("PicMd5Sum")).collect(),
        }
    }
}

impl ChosenLocation {
    fn read(fields: Fields<'_>) -> Self {
        let place = fields.within("SendLocationInfo");
        Self {
            latitude: place.text("Location_X"),
            longitude: place.text("Location_Y"),
            scale: place.number("Scale"),
            label: place.text("Label"),
            name: place.text("Poiname"),
        }
    }
}

impl Verification {
    fn read(fields: Fields<'_>) -> Self {
        Self {
            expires: fields.number("ExpiredTime"),
            failed: fields.number("FailTime"),
            reason: fields.text("FailReason"),
        }
    }
}

#[cfg(test)]
mod tests;
