//! Volumes of a pod or a template.

use k8s_openapi::api::core::v1::{ProjectedVolumeSource, Volume};

use super::writer::Text;

/// `describeVolumes`.
pub fn write(text: &mut Text, volumes: &[Volume], space: &str) {
    if volumes.is_empty() {
        text.put(0, format!("{space}Volumes:\t<none>\n"));
        return;
    }
    text.put(0, format!("{space}Volumes:\n"));
    let indent = if space.is_empty() { "" } else { " " };
    for volume in volumes {
        text.put(1, format!("{indent}{}:\n", volume.name));
        source(text, volume);
    }
}

fn nil<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(|| "<nil>".to_owned(), ToString::to_string)
}

/// `describeVolumes`' lines about one source.
pub fn source(text: &mut Text, volume: &Volume) {
    if let Some(path) = &volume.host_path {
        text.field(2, "Type", "HostPath (bare host directory volume)");
        text.field(2, "Path", &path.path);
        text.field(2, "HostPathType", path.type_.as_deref().unwrap_or("<none>"));
    } else if let Some(directory) = &volume.empty_dir {
        text.field(2, "Type", "EmptyDir (a temporary directory that shares a pod's lifetime)");
        text.field(2, "Medium", directory.medium.as_deref().unwrap_or_default());
        let limit = directory.size_limit.as_ref().map_or("<unset>", |limit| limit.0.as_str());
        text.field(2, "SizeLimit", limit);
    } else if let Some(secret) = &volume.secret {
        text.field(2, "Type", "Secret (a volume populated by a Secret)");
        text.field(2, "SecretName", secret.secret_name.as_deref().unwrap_or_default());
        text.field(2, "Optional", secret.optional.unwrap_or(false));
    } else if let Some(map) = &volume.config_map {
        text.field(2, "Type", "ConfigMap (a volume populated by a ConfigMap)");
        text.field(2, "Name", map.name.as_str());
        text.field(2, "Optional", map.optional.unwrap_or(false));
    } else if let Some(claim) = &volume.persistent_volume_claim {
        text.field(2, "Type", "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)");
        text.field(2, "ClaimName", &claim.claim_name);
        text.field(2, "ReadOnly", claim.read_only.unwrap_or(false));
    } else if let Some(nfs) = &volume.nfs {
        text.field(2, "Type", "NFS (an NFS mount that lasts the lifetime of a pod)");
        text.field(2, "Server", &nfs.server);
        text.field(2, "Path", &nfs.path);
        text.field(2, "ReadOnly", nfs.read_only.unwrap_or(false));
    } else if let Some(down) = &volume.downward_api {
        text.field(2, "Type", "DownwardAPI (a volume populated by information about the pod)");
        text.put(2, "Items:\n");
        for item in down.items.iter().flatten() {
            if let Some(field) = &item.field_ref {
                text.put(3, format!("{} -> {}\n", field.field_path, item.path));
            }
            if let Some(field) = &item.resource_field_ref {
                text.put(3, format!("{} -> {}\n", field.resource, item.path));
            }
        }
    } else if let Some(projected) = &volume.projected {
        projection(text, projected);
    } else if let Some(csi) = &volume.csi {
        text.field(2, "Type", "CSI (a Container Storage Interface (CSI) volume source)");
        text.field(2, "Driver", &csi.driver);
        text.field(2, "FSType", csi.fs_type.as_deref().unwrap_or_default());
        text.field(2, "ReadOnly", csi.read_only.unwrap_or(false));
        super::storage::attributes(text, csi.volume_attributes.as_ref());
    } else if let Some(ephemeral) = &volume.ephemeral {
        let kind = "an inline specification for a volume that gets created and deleted with the pod";
        text.field(2, "Type", format!("EphemeralVolume ({kind})"));
        if let Some(template) = &ephemeral.volume_claim_template {
            super::claim::template(text, template);
        }
    } else {
        text.put(1, "<unknown>\n");
    }
}

fn projection(text: &mut Text, projected: &ProjectedVolumeSource) {
    text.field(2, "Type", "Projected (a volume that contains injected data from multiple sources)");
    for source in projected.sources.iter().flatten() {
        if let Some(secret) = &source.secret {
            text.field(2, "SecretName", secret.name.as_str());
            text.field(2, "SecretOptionalName", nil(secret.optional.as_ref()));
        } else if source.downward_api.is_some() {
            text.field(2, "DownwardAPI", "true");
        } else if let Some(map) = &source.config_map {
            text.field(2, "ConfigMapName", map.name.as_str());
            text.field(2, "ConfigMapOptional", nil(map.optional.as_ref()));
        } else if let Some(token) = &source.service_account_token {
            text.field(2, "TokenExpirationSeconds", token.expiration_seconds.unwrap_or(0));
        }
    }
}
