//! WeChat's API: a file for each group of paths, the table of paths, and the dispatcher
//! that checks a call and answers it.

mod access_token;
mod authentication;
mod call;
mod call_activity;
mod client_msg_id;
mod concurrent_send;
mod customer_service;
pub(crate) mod dispatch;
mod industry;
mod ip_lists;
mod legacy_template;
mod login;
pub(crate) mod media;
mod multipart;
mod phone_number;
mod quota_api;
mod session;
mod subscription_message;
mod subscription_notification;
pub(crate) mod table;
mod template_library;
mod template_message;
mod typing_status;
mod users;
