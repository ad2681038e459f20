//! What the function is asked: by an operator, or by its schedules.

use crate::app::App;
use crate::failure;
use crate::import;
use crate::progress::Progress;
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::parameters::{AppKind, WeChatApp};

/// An import that was begun so many seconds ago, 12 hours, is as good as tonight's.
const RECENT: u64 = 12 * 3600;

/// What is asked for.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Invocation {
    /// Bring everyone in who follows this account, and find out who has left.
    Import(One),
    /// How far is it, for this account or for all?
    Status(Which),
    /// Call it off.
    Cancel(One),
    /// Every night: the same for all accounts.
    Reconcile(Nothing),
    /// Every minute: go on with what is left to do.
    Continue(Nothing),
}

/// One Official Account, by its alias.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    app: String,
}

/// One Official Account, by its alias, or all.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    app: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Answers an invocation. It works for as long as the invocation lasts; what is left
/// then, the next minute goes on with.
///
/// # Errors
///
/// When the request doesn't fit, or AWS doesn't do its part.
pub(crate) async fn handle(
    app: &App,
    event: Value,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, Diagnostic> {
    match read(&event)? {
        Invocation::Import(One { app: alias }) => {
            let account = account(app, &alias, now).await?;
            begin(app, &account, true, now).await?;
            import::work(app, &account, true, deadline)
                .await
                .map_err(|error| failure::internal(&error))?;
            tell(app, &account).await
        }
        Invocation::Status(Which { app: Some(alias) }) => {
            tell(app, &account(app, &alias, now).await?).await
        }
        Invocation::Cancel(One { app: alias }) => {
            let account = account(app, &alias, now).await?;
            let cancelled = app.imports.cancel(&account.app_id, now).await;
            if cancelled.map_err(|error| failure::internal(&error))? {
                tracing::info!(app = alias, "the import is called off");
            }
            tell(app, &account).await
        }
        Invocation::Status(Which { app: None }) => tell_all(app, &accounts(app, now).await).await,
        Invocation::Reconcile(Nothing {}) => {
            let accounts = accounts(app, now).await;
            let known = known(app, &accounts).await?;
            for account in &accounts {
                let last = known.get(&account.app_id).map(|import| import.begun_at);
                if last.is_none_or(|begun| now.seconds_since(begun) >= RECENT) {
                    begin(app, account, false, now).await?;
                }
            }
            go_on(app, &accounts, deadline).await?;
            tell_all(app, &accounts).await
        }
        Invocation::Continue(Nothing {}) => {
            let mut accounts = accounts(app, now).await;
            let known = known(app, &accounts).await?;
            // Nearly always nothing is to do, and that was all.
            accounts.retain(|account| {
                known.get(&account.app_id).is_some_and(|import| import.phase.is_under_way())
            });
            go_on(app, &accounts, deadline).await?;
            Ok(Value::Null)
        }
    }
}

/// What is asked for; nothing else may go beside it.
fn read(event: &Value) -> Result<Invocation, Diagnostic> {
    if event.as_object().is_none_or(|event| event.len() != 1) {
        return Err(failure::invalid(
            "nothing was done: this function takes {\"import\": {\"app\": \"…\"}}, \
             {\"status\": {}}, {\"cancel\": {\"app\": \"…\"}}, {\"reconcile\": {}} or \
             {\"continue\": {}}, and nothing beside it",
        ));
    }
    serde_path_to_error::deserialize(event).map_err(|error| {
        let path = error.path().to_string();
        failure::invalid(format!("{path}: {}; nothing was done", error.into_inner()))
    })
}

/// The account of this alias.
async fn account(app: &App, alias: &str, now: Timestamp) -> Result<WeChatApp, Diagnostic> {
    let apps = app.apps(now, Some(alias)).await;
    let Some(account) = apps.by_alias(alias) else {
        return Err(failure::invalid(format!(
            "app: there is no {alias:?} under /apps; nothing was done"
        )));
    };
    match account.kind {
        AppKind::OfficialAccount => Ok(account.clone()),
        AppKind::MiniProgram => Err(failure::invalid(format!(
            "app: {alias} is a mini program, and only Official Accounts have followers; nothing \
             was done"
        ))),
    }
}

/// All Official Accounts.
async fn accounts(app: &App, now: Timestamp) -> Vec<WeChatApp> {
    let apps = app.apps(now, None).await;
    apps.iter().filter(|app| app.kind == AppKind::OfficialAccount).cloned().collect()
}

type Known = std::collections::HashMap<shared::wechat::id::AppId, shared::store::FollowerImport>;

async fn known(app: &App, accounts: &[WeChatApp]) -> Result<Known, Diagnostic> {
    let app_ids: Vec<_> = accounts.iter().map(|account| &account.app_id).collect();
    app.imports.by_app(&app_ids).await.map_err(|error| failure::internal(&error))
}

/// Begins an import, unless one is under way.
async fn begin(
    app: &App,
    account: &WeChatApp,
    thorough: bool,
    now: Timestamp,
) -> Result<(), Diagnostic> {
    let begun = app.imports.begin(&account.app_id, thorough, now).await;
    if begun.map_err(|error| failure::internal(&error))? {
        tracing::info!(app = account.alias, "the import of its followers begins");
    }
    Ok(())
}

/// Works on the imports of these accounts. One account's trouble doesn't stop the
/// others.
async fn go_on(app: &App, accounts: &[WeChatApp], deadline: Timestamp) -> Result<(), Diagnostic> {
    let mut outcome = Ok(());
    for account in accounts {
        if let Err(error) = import::work(app, account, false, deadline).await {
            outcome = Err(failure::internal(&error));
        }
    }
    outcome
}

async fn tell(app: &App, account: &WeChatApp) -> Result<Value, Diagnostic> {
    let known = known(app, std::slice::from_ref(account)).await?;
    let import = known.get(&account.app_id);
    Ok(json!(Progress::of(&account.alias, import, Timestamp::now())))
}

async fn tell_all(app: &App, accounts: &[WeChatApp]) -> Result<Value, Diagnostic> {
    let known = known(app, accounts).await?;
    let now = Timestamp::now();
    let all = accounts.iter().map(|it| Progress::of(&it.alias, known.get(&it.app_id), now));
    Ok(json!({ "accounts": all.collect::<Vec<_>>() }))
}
