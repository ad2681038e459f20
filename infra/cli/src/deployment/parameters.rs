//! The Parameter Store, below the stage's prefix.

use super::{Deployment, failed};
use crate::aws::failed_with_secret;
use crate::error::{Error, Kind};
use aws_sdk_ssm::operation::delete_parameter::DeleteParameterError;
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use aws_sdk_ssm::operation::put_parameter::PutParameterError;
use aws_sdk_ssm::types::{Parameter, ParameterTier, ParameterType};
use shared::clock::Timestamp;
use shared::secret::Secret;
use std::collections::BTreeMap;

/// The most that a standard parameter takes, and an advanced one, in bytes.
///
/// Source: AWS's documentation, "Managing parameter tiers".
const STANDARD: usize = 4096;
const ADVANCED: usize = 8192;

/// What stands in a parameter.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// What was written.
    pub(crate) value: Secret,
    /// When it was written last.
    pub(crate) changed_at: Option<Timestamp>,
}

impl Deployment {
    /// A parameter, if it is there. `path` is what follows the stage's prefix, as in
    /// `apps/shop`.
    ///
    /// # Errors
    ///
    /// When AWS doesn't answer.
    pub(crate) async fn parameter(&self, path: &str) -> Result<Option<Stored>, Error> {
        let name = self.parameter_name(path);
        match self.ssm().get_parameter().name(&name).with_decryption(true).send().await {
            Ok(found) => Ok(found.parameter.and_then(stored).map(|(_, stored)| stored)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetParameterError::is_parameter_not_found) =>
            {
                Ok(None)
            }
            Err(error) => {
                let permission = format!(
                    "ssm:GetParameter on {name}, and kms:Decrypt if a key of your own encrypts it"
                );
                Err(failed(&format!("reading the parameter {name}"), &permission, &error))
            }
        }
    }

    /// The parameters directly in a folder, such as `apps`, by the last part of
    /// their names.
    ///
    /// # Errors
    ///
    /// When AWS doesn't answer.
    pub(crate) async fn folder(&self, folder: &str) -> Result<BTreeMap<String, Stored>, Error> {
        let path = self.parameter_name(folder);
        let asked = self.ssm().get_parameters_by_path().path(&path).with_decryption(true);
        let mut pages = asked.into_paginator().send();
        let mut found = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                let permission = format!("ssm:GetParametersByPath on {path}, and kms:Decrypt if a key of your own encrypts them");
                failed(&format!("reading the parameters under {path}"), &permission, &error)
            })?;
            found.extend(page.parameters.unwrap_or_default().into_iter().filter_map(stored));
        }
        Ok(found)
    }

    /// Writes a parameter that anybody may read who may read parameters. Whatever
    /// was there is replaced.
    ///
    /// # Errors
    ///
    /// When it is too long, or AWS doesn't take it.
    pub(crate) async fn put(&self, path: &str, value: &str) -> Result<(), Error> {
        self.write(path, value, ParameterType::String).await
    }

    /// Writes a parameter that is encrypted. Whatever was there is replaced.
    ///
    /// # Errors
    ///
    /// As [`Deployment::put`].
    pub(crate) async fn put_secret(&self, path: &str, value: &Secret) -> Result<(), Error> {
        self.write(path, value.expose(), ParameterType::SecureString).await
    }

    async fn write(&self, path: &str, value: &str, kind: ParameterType) -> Result<(), Error> {
        let name = self.parameter_name(path);
        if value.len() > ADVANCED {
            return Err(Error::new(
                Kind::Invalid,
                format!("{} bytes for {name}; a parameter takes {ADVANCED}", value.len()),
                "make it shorter",
            ));
        }
        let tier =
            if value.len() > STANDARD { ParameterTier::Advanced } else { ParameterTier::Standard };
        let put = self.ssm().put_parameter().name(&name).value(value).r#type(kind).overwrite(true);
        // A parameter that has become advanced stays so; then the tier isn't named.
        let put = if tier == ParameterTier::Advanced { put.tier(tier) } else { put };
        put.send().await.map(|_| ()).map_err(
            |error: aws_sdk_ssm::error::SdkError<PutParameterError>| {
                let permission = format!("ssm:PutParameter on {name}");
                failed_with_secret(&format!("writing the parameter {name}"), &permission, &error)
            },
        )
    }

    /// Deletes a parameter. False if it wasn't there.
    ///
    /// # Errors
    ///
    /// When AWS doesn't confirm.
    pub(crate) async fn delete(&self, path: &str) -> Result<bool, Error> {
        let name = self.parameter_name(path);
        match self.ssm().delete_parameter().name(&name).send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteParameterError::is_parameter_not_found) =>
            {
                Ok(false)
            }
            Err(error) => {
                let permission = format!("ssm:DeleteParameter on {name}");
                Err(failed(&format!("deleting the parameter {name}"), &permission, &error))
            }
        }
    }
}

/// The last part of a parameter's name, and what stands in it.
fn stored(parameter: Parameter) -> Option<(String, Stored)> {
    let last = parameter.name?.rsplit('/').next()?.to_owned();
    let seconds = parameter.last_modified_date.and_then(|at| u64::try_from(at.secs()).ok());
    let value = Secret::new(parameter.value?);
    Some((last, Stored { value, changed_at: seconds.map(Timestamp) }))
}
