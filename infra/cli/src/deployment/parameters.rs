//! The stage's parameters in the Parameter Store.

use super::connection::Deployment;
use crate::aws::{aws_error, aws_error_without_message};
use crate::error::{Error, ErrorKind};
use aws_sdk_ssm::operation::delete_parameter::DeleteParameterError;
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use aws_sdk_ssm::operation::put_parameter::PutParameterError;
use aws_sdk_ssm::types::{Parameter, ParameterTier, ParameterType};
use shared::clock::Timestamp;
use shared::secret::Secret;
use std::collections::BTreeMap;

/// Maximum size of a standard and of an advanced parameter, in bytes.
///
/// Source: AWS, "Managing parameter tiers",
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>.
const MAX_STANDARD_BYTES: usize = 4096;
const MAX_ADVANCED_BYTES: usize = 8192;

#[derive(Clone, Debug)]
pub(crate) struct StoredParameter {
    pub(crate) value: Secret,
    pub(crate) changed_at: Option<Timestamp>,
}

impl Deployment {
    /// Reads a parameter, if it exists. `path` follows the stage's prefix, as in
    /// `apps/shop`.
    pub(crate) async fn parameter(&self, path: &str) -> Result<Option<StoredParameter>, Error> {
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
                Err(aws_error(&format!("reading the parameter {name}"), &permission, &error))
            }
        }
    }

    /// Reads the parameters directly under a path such as `apps`, by the last part of their
    /// names.
    pub(crate) async fn parameters_under(
        &self,
        path: &str,
    ) -> Result<BTreeMap<String, StoredParameter>, Error> {
        let path = self.parameter_name(path);
        let asked = self.ssm().get_parameters_by_path().path(&path).with_decryption(true);
        let mut pages = asked.into_paginator().send();
        let mut found = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                let permission = format!("ssm:GetParametersByPath on {path}, and kms:Decrypt if a key of your own encrypts them");
                aws_error(&format!("reading the parameters under {path}"), &permission, &error)
            })?;
            found.extend(page.parameters.unwrap_or_default().into_iter().filter_map(stored));
        }
        Ok(found)
    }

    /// Writes or replaces a plaintext parameter.
    pub(crate) async fn put_parameter(&self, path: &str, value: &str) -> Result<(), Error> {
        self.write(path, value, ParameterType::String, true).await
    }

    /// Writes or replaces an encrypted parameter.
    pub(crate) async fn put_secret_parameter(
        &self,
        path: &str,
        value: &Secret,
    ) -> Result<(), Error> {
        self.write(path, value.expose(), ParameterType::SecureString, true).await
    }

    /// Writes an encrypted parameter, unless it exists.
    pub(crate) async fn create_secret_parameter(
        &self,
        path: &str,
        value: &Secret,
    ) -> Result<(), Error> {
        self.write(path, value.expose(), ParameterType::SecureString, false).await
    }

    async fn write(
        &self,
        path: &str,
        value: &str,
        kind: ParameterType,
        overwrite: bool,
    ) -> Result<(), Error> {
        let name = self.parameter_name(path);
        if value.len() > MAX_ADVANCED_BYTES {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("{name} would have {} bytes", value.len()),
                format!("shorten it to the maximum of {MAX_ADVANCED_BYTES} bytes"),
            ));
        }
        let put =
            self.ssm().put_parameter().name(&name).value(value).r#type(kind).overwrite(overwrite);
        // An advanced parameter can't become a standard one, so that tier is never named.
        let tier = (value.len() > MAX_STANDARD_BYTES).then_some(ParameterTier::Advanced);
        let put = put.set_tier(tier);
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if !overwrite
                    && error
                        .as_service_error()
                        .is_some_and(PutParameterError::is_parameter_already_exists) =>
            {
                Ok(())
            }
            Err(error) => {
                let permission = format!("ssm:PutParameter on {name}");
                let action = format!("writing the parameter {name}");
                Err(aws_error_without_message(&action, &permission, &error))
            }
        }
    }

    /// Deletes a parameter. False if it didn't exist.
    pub(crate) async fn delete_parameter(&self, path: &str) -> Result<bool, Error> {
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
                Err(aws_error(&format!("deleting the parameter {name}"), &permission, &error))
            }
        }
    }
}

/// The last part of a parameter's name, and its content.
fn stored(parameter: Parameter) -> Option<(String, StoredParameter)> {
    let last = parameter.name?.rsplit('/').next()?.to_owned();
    let seconds = parameter.last_modified_date.and_then(|at| u64::try_from(at.secs()).ok());
    let value = Secret::new(parameter.value?);
    Some((last, StoredParameter { value, changed_at: seconds.map(Timestamp) }))
}
