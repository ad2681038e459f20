//! State reused across the invocations of an execution environment.

use crate::erasure_key;
use crate::keys::key_set::{KeySet, Keys, RefreshKeys};
use crate::keys::session_key::SessionKey;
use lambda_http::Error;
use shared::access_token::AccessTokens;
use shared::cache::Cached;
use shared::clock::Timestamp;
use shared::config;
use shared::parameters::{AppKind, Apps, ParameterError, Parameters, WeChatApp};
use shared::secret::Secret;
use shared::services::Services;
use shared::store::{
    Accounts, AppIdentity, Consents, Erasure, ErasureList, ErasuresTable, EventsTable, FormIds,
    LoginCodes, Logins, Mappings, MappingsTable, NotificationsTable, PasswordAttempts, People,
    PhoneNumbers, Profiles, ReplyWindows, Sessions, UsersTable,
};
use shared::wechat::client::WeChatClient;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The apps and their AppSecrets.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) apps: Apps,
    pub(crate) secrets: BTreeMap<String, Secret>,
}

impl Credentials {
    /// The mini program of this alias.
    pub(crate) fn mini_program(&self, alias: &str) -> Option<&WeChatApp> {
        self.apps.by_alias(alias).filter(|found| found.kind == AppKind::MiniProgram)
    }

    /// Whether a person with these routes follows each Official Account, by its alias.
    pub(crate) fn follows(&self, routes: &[AppIdentity]) -> BTreeMap<String, bool> {
        let accounts = self.apps.iter().filter(|app| app.kind == AppKind::OfficialAccount);
        let follows = accounts.map(|account| {
            let route = routes.iter().find(|route| route.app_id == account.app_id);
            (account.alias.clone(), route.is_some_and(|route| route.follows))
        });
        follows.collect()
    }
}

/// State reused across invocations, initialised at cold start.
#[derive(Debug)]
pub(crate) struct App {
    credentials: OnceCell<Cached<Credentials>>,
    pub(crate) logins: Logins,
    pub(crate) login_codes: LoginCodes,
    pub(crate) accounts: Accounts,
    pub(crate) password_attempts: PasswordAttempts,
    pub(crate) people: People,
    pub(crate) mappings: Mappings,
    pub(crate) profiles: Profiles,
    pub(crate) consents: Consents,
    pub(crate) reply_windows: ReplyWindows,
    pub(crate) form_ids: FormIds,
    pub(crate) phone_numbers: PhoneNumbers,
    erasure: Erasure,
    erasures: ErasuresTable,
    erasure_with_list: OnceCell<Erasure>,
    pub(crate) tokens: AccessTokens,
    pub(crate) wechat: WeChatClient,
    pub(crate) sessions: Sessions,
    issuer: Option<String>,
    /// Whether mini programs may submit form ids, which WeChat retired.
    pub(crate) takes_form_ids: bool,
    pub(crate) parameters: Parameters,
    keys: OnceCell<Cached<Keys>>,
    refresh_keys: OnceCell<Cached<RefreshKeys>>,
}

impl App {
    /// Connects to AWS, and reads the apps and their secrets.
    ///
    /// The function starts without them, although no user can log in then: API Gateway
    /// requests the public keys while the stack is created, when the Parameter Store may
    /// have no app yet.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let Services { dynamodb, parameters, tokens, wechat } = Services::from_environment()?;
        let users = UsersTable::from_environment(&dynamodb)?;
        let mappings = MappingsTable::from_environment(&dynamodb)?;
        let events = EventsTable::from_environment(&dynamodb)?;
        let notifications = NotificationsTable::from_environment(&dynamodb)?;
        let erasures = ErasuresTable::from_environment(&dynamodb)?;
        let (credentials, users_check, mappings_check) =
            tokio::join!(read(&parameters), users.check(), mappings.check());
        users_check.and(mappings_check)?;
        let credentials = match credentials {
            Ok(credentials) => OnceCell::new_with(Some(Cached::new(credentials, Timestamp::now()))),
            Err(error) => {
                tracing::error!(
                    "no user can log in: {error}; the next login reads the parameters again"
                );
                OnceCell::new()
            }
        };
        Ok(Self {
            credentials,
            logins: Logins::new(&users, &mappings),
            login_codes: LoginCodes::new(&users),
            accounts: Accounts::new(&users, &mappings),
            password_attempts: PasswordAttempts::new(&users),
            people: People::new(&users, &mappings),
            mappings: Mappings::new(&mappings),
            profiles: Profiles::new(&users),
            consents: Consents::new(&users),
            reply_windows: ReplyWindows::new(&users),
            form_ids: FormIds::new(&users),
            phone_numbers: PhoneNumbers::new(&users),
            erasure: Erasure::new(&users, &mappings, &events, &notifications),
            erasures,
            erasure_with_list: OnceCell::new(),
            sessions: Sessions::new(&users),
            tokens,
            wechat,
            issuer: config::optional("ISSUER"),
            takes_form_ids: config::optional("FORM_IDS").as_deref() == Some("on"),
            parameters,
            keys: OnceCell::new(),
            refresh_keys: OnceCell::new(),
        })
    }

    /// The apps and their secrets. If `alias` is missing, they are read again.
    pub(crate) async fn credentials(
        &self,
        alias: &str,
        now: Timestamp,
    ) -> Result<Arc<Credentials>, ParameterError> {
        let has_app = |known: &Credentials| {
            known.apps.by_alias(alias).is_some() && known.secrets.contains_key(alias)
        };
        self.credentials_if(has_app, now).await
    }

    /// As [`App::credentials`], for an operator's command: an alias that is missing then is
    /// missing in the Parameter Store. The login's callers may be strangers, who must not cause
    /// a read with each alias that they make up.
    pub(crate) async fn current_credentials(
        &self,
        alias: &str,
        now: Timestamp,
    ) -> Result<Arc<Credentials>, ParameterError> {
        let first = async || Ok(Cached::new(read(&self.parameters).await?, now));
        let cached: Result<_, ParameterError> = self.credentials.get_or_try_init(first).await;
        let has_app = |known: &Credentials| known.apps.by_alias(alias).is_some();
        Ok(cached?.get_sure(now, has_app, read(&self.parameters)).await?)
    }

    /// The apps and their secrets, as they were last read.
    pub(crate) async fn known_credentials(
        &self,
        now: Timestamp,
    ) -> Result<Arc<Credentials>, ParameterError> {
        self.credentials_if(|_| true, now).await
    }

    /// The cached credentials, read again unless they are sufficient.
    async fn credentials_if(
        &self,
        is_sufficient: impl Fn(&Credentials) -> bool,
        now: Timestamp,
    ) -> Result<Arc<Credentials>, ParameterError> {
        let first = async || Ok(Cached::new(read(&self.parameters).await?, now));
        let cached: Result<_, ParameterError> = self.credentials.get_or_try_init(first).await;
        Ok(cached?.get(now, is_sufficient, read(&self.parameters)).await)
    }

    /// Makes the next request read the credentials again, as WeChat refused one.
    pub(crate) async fn invalidate_credentials(&self) {
        if let Some(cached) = self.credentials.get() {
            cached.invalidate().await;
        }
    }

    /// The keys that sign access tokens. The first one is created when it is needed. They
    /// are read again every 10 minutes, as a rotation may have added one.
    pub(crate) async fn keys(&self, now: Timestamp) -> Result<Arc<Keys>, ParameterError> {
        self.keys_if(&self.keys, |_| true, now).await
    }

    /// As [`App::keys`], read again also if the key with this id is missing: another
    /// environment may have replaced a revoked one.
    pub(crate) async fn keys_with(
        &self,
        kid: &str,
        now: Timestamp,
    ) -> Result<Arc<Keys>, ParameterError> {
        self.keys_if(&self.keys, |keys| keys.find(kid, now).is_some(), now).await
    }

    /// The keys that seal refresh tokens. The first one is created when it is needed. They
    /// are read again every 10 minutes, and for a token of a newer key than those.
    pub(crate) async fn refresh_keys(
        &self,
        number: Option<u32>,
        now: Timestamp,
    ) -> Result<Arc<RefreshKeys>, ParameterError> {
        let is_known = |keys: &RefreshKeys| number.is_none_or(|number| keys.knows_number(number));
        self.keys_if(&self.refresh_keys, is_known, now).await
    }

    /// Cached keys of one kind, read again unless they are sufficient.
    async fn keys_if<K: SessionKey>(
        &self,
        cached: &OnceCell<Cached<KeySet<K>>>,
        is_sufficient: impl Fn(&KeySet<K>) -> bool,
        now: Timestamp,
    ) -> Result<Arc<KeySet<K>>, ParameterError> {
        let read = || KeySet::read_or_create(&self.parameters, now);
        let first = async || Ok(Cached::new(read().await?, now));
        let cached: Result<_, ParameterError> = cached.get_or_try_init(first).await;
        Ok(cached?.get(now, is_sufficient, read()).await)
    }

    /// Makes the next request read the keys again, as they were changed.
    pub(crate) async fn invalidate_keys(&self) {
        if let Some(cached) = self.keys.get() {
            cached.invalidate().await;
        }
        if let Some(cached) = self.refresh_keys.get() {
            cached.invalidate().await;
        }
    }

    /// The erasure of people. The key of its list is created when it is first needed.
    pub(crate) async fn erasure(&self) -> Result<&Erasure, ParameterError> {
        let with_list = async || {
            let key = erasure_key::read_or_create(&self.parameters).await?;
            Ok(self.erasure.clone().with_list(ErasureList::new(&self.erasures, key)))
        };
        self.erasure_with_list.get_or_try_init(with_list).await
    }

    /// The issuer of access tokens: as configured, or the address the request was sent to.
    pub(crate) fn issuer(&self, domain: &str) -> String {
        self.issuer.clone().unwrap_or_else(|| format!("https://{domain}"))
    }
}

async fn read(parameters: &Parameters) -> Result<Credentials, ParameterError> {
    let (apps, secrets) = tokio::try_join!(parameters.apps(), parameters.secrets())?;
    Ok(Credentials { apps, secrets })
}
