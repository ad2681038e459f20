//! The entry point: dispatches the commands of operators and of the schedules.

use crate::app::App;
use crate::error;
use crate::import::continue_import;
use crate::progress::Progress;
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::json::Json;
use shared::parameters::{AppAlias, AppKind, WeChatApp};
use shared::store::FollowerImport;
use shared::wechat::id::AppId;
use std::collections::HashMap;

/// Maximum age in seconds of an import that makes tonight's unnecessary: 12 hours.
const RECENT_SECS: u64 = 12 * 3600;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Command {
    /// Imports all followers of an account, and detects unfollows.
    Import(Account),
    /// Reports the progress of one account's import, or of all.
    Status(OptionalAccount),
    /// Cancels an account's import.
    Cancel(Account),
    /// From the nightly schedule: imports the followers of all accounts.
    Reconcile(Empty),
    /// From the schedule, every minute: continues the imports that have not ended.
    Continue(Empty),
}

/// An Official Account, by its alias.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    app: AppAlias,
}

/// An Official Account, by its alias, or all.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionalAccount {
    app: Option<AppAlias>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

/// Executes a command, until `deadline`. The next minute's invocation continues the rest.
pub(crate) async fn handle(
    app: &App,
    event: Json,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, Diagnostic> {
    match parse(&event)? {
        Command::Import(Account { app: alias }) => {
            let account = account(app, &alias, now).await?;
            begin_import(app, &account, true, now).await?;
            continue_import(app, &account, true, deadline)
                .await
                .map_err(|error| error::internal(&error))?;
            progress(app, &account).await
        }
        Command::Status(OptionalAccount { app: Some(alias) }) => {
            progress(app, &account(app, &alias, now).await?).await
        }
        Command::Status(OptionalAccount { app: None }) => {
            progress_of_all(app, &accounts(app, now).await).await
        }
        Command::Cancel(Account { app: alias }) => {
            let account = account(app, &alias, now).await?;
            let cancelled = app.imports.cancel(&account.app_id, now).await;
            if cancelled.map_err(|error| error::internal(&error))? {
                tracing::info!(app = &*alias, "cancelled the import");
            }
            progress(app, &account).await
        }
        Command::Reconcile(Empty {}) => {
            let accounts = accounts(app, now).await;
            let imports = imports(app, &accounts).await?;
            for account in &accounts {
                let last = imports.get(&account.app_id).map(|import| import.begun_at);
                if last.is_none_or(|begun| now.seconds_since(begun) >= RECENT_SECS) {
                    begin_import(app, account, false, now).await?;
                }
            }
            continue_imports(app, &accounts, deadline).await?;
            progress_of_all(app, &accounts).await
        }
        Command::Continue(Empty {}) => {
            let mut accounts = accounts(app, now).await;
            let imports = imports(app, &accounts).await?;
            accounts.retain(|account| {
                imports.get(&account.app_id).is_some_and(|import| import.phase.is_under_way())
            });
            continue_imports(app, &accounts, deadline).await?;
            Ok(Value::Null)
        }
    }
}

fn parse(event: &Json) -> Result<Command, Diagnostic> {
    if !matches!(event, Json::Object(members) if members.len() == 1) {
        return Err(error::invalid(
            "nothing was done: this function takes {\"import\": {\"app\": \"…\"}}, \
             {\"status\": {}}, {\"cancel\": {\"app\": \"…\"}}, {\"reconcile\": {}} or \
             {\"continue\": {}}, and nothing beside it",
        ));
    }
    event.read().map_err(|error| error::invalid(format!("{error}; nothing was done")))
}

/// The Official Account with this alias.
async fn account(app: &App, alias: &str, now: Timestamp) -> Result<WeChatApp, Diagnostic> {
    let apps = app.apps_with(now, alias).await.map_err(|error| error::internal(&error))?;
    let Some(account) = apps.by_alias(alias) else {
        return Err(error::invalid(format!(
            "app: there is no {alias:?} under /apps; nothing was done"
        )));
    };
    match account.kind {
        AppKind::OfficialAccount => Ok(account.clone()),
        AppKind::MiniProgram => Err(error::invalid(format!(
            "app: {alias} is a mini program, and only Official Accounts have followers; nothing \
             was done"
        ))),
    }
}

/// All Official Accounts.
async fn accounts(app: &App, now: Timestamp) -> Vec<WeChatApp> {
    let apps = app.apps(now).await;
    apps.iter().filter(|app| app.kind == AppKind::OfficialAccount).cloned().collect()
}

type Imports = HashMap<AppId, FollowerImport>;

async fn imports(app: &App, accounts: &[WeChatApp]) -> Result<Imports, Diagnostic> {
    let app_ids: Vec<_> = accounts.iter().map(|account| &account.app_id).collect();
    app.imports.by_app(&app_ids).await.map_err(|error| error::internal(&error))
}

/// Begins an import, unless one is under way.
async fn begin_import(
    app: &App,
    account: &WeChatApp,
    full: bool,
    now: Timestamp,
) -> Result<(), Diagnostic> {
    let begun = app.imports.begin(&account.app_id, full, now).await;
    if begun.map_err(|error| error::internal(&error))? {
        tracing::info!(app = account.alias, "began to import the followers");
    }
    Ok(())
}

/// Continues the imports of these accounts. If one fails, the others are continued
/// nevertheless.
async fn continue_imports(
    app: &App,
    accounts: &[WeChatApp],
    deadline: Timestamp,
) -> Result<(), Diagnostic> {
    let mut outcome = Ok(());
    for account in accounts {
        if let Err(error) = continue_import(app, account, false, deadline).await {
            outcome = Err(error::internal(&error));
        }
    }
    outcome
}

async fn progress(app: &App, account: &WeChatApp) -> Result<Value, Diagnostic> {
    let imports = imports(app, std::slice::from_ref(account)).await?;
    let import = imports.get(&account.app_id);
    Ok(json!(Progress::new(&account.alias, import, Timestamp::now())))
}

async fn progress_of_all(app: &App, accounts: &[WeChatApp]) -> Result<Value, Diagnostic> {
    let imports = imports(app, accounts).await?;
    let now = Timestamp::now();
    let all = accounts.iter().map(|it| Progress::new(&it.alias, imports.get(&it.app_id), now));
    Ok(json!({ "accounts": all.collect::<Vec<_>>() }))
}
