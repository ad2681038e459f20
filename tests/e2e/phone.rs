//! A person with a phone.

use crate::world::World;
use serde_json::{Value, json};

/// A person of the sandbox. Each action returns when it is applied.
pub(crate) struct Phone<'a> {
    pub(crate) world: &'a World,
    pub(crate) name: &'static str,
}

impl Phone<'_> {
    pub(crate) async fn follow(&self, app: &str) {
        self.act("follow", json!({ "app": app })).await;
    }

    pub(crate) async fn unfollow(&self, app: &str) {
        self.act("unfollow", json!({ "app": app })).await;
    }

    /// Follows before anybody listens: no event tells of it.
    pub(crate) async fn follow_unseen(&self, app: &str) {
        self.act("follow", json!({ "app": app, "silently": true })).await;
    }

    /// Unfollows without an event.
    pub(crate) async fn unfollow_unseen(&self, app: &str) {
        self.act("unfollow", json!({ "app": app, "silently": true })).await;
    }

    pub(crate) async fn message(&self, app: &str, text: &str) {
        self.act("message", json!({ "app": app, "text": text })).await;
    }

    /// Taps the menu item with this key.
    pub(crate) async fn click(&self, app: &str, key: &str) {
        self.act("click", json!({ "app": app, "key": key })).await;
    }

    /// Scans the QR code with this scene, which makes them follow.
    pub(crate) async fn scan(&self, app: &str, scene: &str) {
        self.act("scan", json!({ "app": app, "scene": scene })).await;
    }

    /// Enters a mini program's customer service.
    pub(crate) async fn enter(&self, app: &str) {
        self.act("enter", json!({ "app": app, "session_from": "order-17" })).await;
    }

    /// Answers the popup that asks for consent to one message.
    pub(crate) async fn consent(&self, app: &str, template: &str, accept: bool) {
        let answer = json!({ "app": app, "template_id": template, "accept": accept });
        self.act("consent", answer).await;
    }

    /// Turns one template's messages off in the settings.
    pub(crate) async fn withdraw(&self, app: &str, template: &str) {
        self.act("withdraw", json!({ "app": app, "template_id": template })).await;
    }

    pub(crate) async fn block(&self, app: &str) {
        self.act("block", json!({ "app": app })).await;
    }

    /// A code, as `wx.login` gives one.
    pub(crate) async fn code(&self, app: &str) -> String {
        let done = self.act("login", json!({ "app": app })).await;
        done["code"].as_str().unwrap().to_owned()
    }

    /// A code, as the phone number button returns it.
    pub(crate) async fn phone_code(&self, app: &str) -> String {
        self.phone_code_of(app, json!({})).await
    }

    /// As [`Phone::phone_code`], for this number.
    pub(crate) async fn phone_code_of(&self, app: &str, mut number: Value) -> String {
        number["app"] = json!(app);
        let done = self.act("phone", number).await;
        done["code"].as_str().unwrap().to_owned()
    }

    /// Logs in and binds the account of their name, which is made if need be.
    pub(crate) async fn log_in(&self, app: &str) -> Value {
        self.world.account(self.name).await;
        let code = self.code(app).await;
        let login = json!({ "code": code, "username": self.name, "password": password(self.name) });
        let (status, session) = self.world.log_in(app, &login).await;
        assert_eq!(status, 200, "{session}");
        session
    }

    /// Everything on the screen, newest last.
    pub(crate) async fn screen(&self) -> Vec<Value> {
        let path = format!("people/{}/messages", self.name);
        let mut messages = self.world.wechat.get(&path).await;
        serde_json::from_value(messages["messages"].take()).unwrap()
    }

    /// The messages on the screen of one kind: `template`, `subscribe`, ….
    pub(crate) async fn screen_of(&self, kind: &str) -> Vec<Value> {
        self.screen().await.into_iter().filter(|message| message["kind"] == kind).collect()
    }

    /// Their openid in an app.
    pub(crate) async fn open_id(&self, app: &str) -> String {
        self.known().await["apps"][app]["open_id"].as_str().unwrap().to_owned()
    }

    /// Their unionid: both apps belong to one open-platform account.
    pub(crate) async fn union_id(&self) -> String {
        let known = self.known().await;
        let union_ids = known["union_ids"].as_object().unwrap();
        union_ids.values().next().unwrap().as_str().unwrap().to_owned()
    }

    async fn known(&self) -> Value {
        let people = self.world.wechat.get("people").await;
        let people = people["people"].as_array().unwrap();
        people.iter().find(|person| person["name"] == self.name).unwrap().clone()
    }

    async fn act(&self, action: &str, with: Value) -> Value {
        let path = format!("people/{}/{action}", self.name);
        let done = self.world.wechat.post(&path, &with).await;
        for push in done["pushes"].as_array().unwrap() {
            assert_eq!(push["reply_valid"], true, "the callback didn't take the push: {push}");
        }
        self.world.idle().await;
        done
    }
}

/// The password of the account of this name.
pub(crate) fn password(name: &str) -> String {
    format!("{name}'s password")
}
