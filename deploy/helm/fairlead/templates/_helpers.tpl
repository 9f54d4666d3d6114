{{/* 63 characters are the most for a Service, and "-public" is added to the name of one. */}}
{{- define "fairlead.name" -}}
{{- if .Values.nameOverride -}}
{{- .Values.nameOverride | trunc 56 | trimSuffix "-" -}}
{{- else if contains "fairlead" .Release.Name -}}
{{- .Release.Name | trunc 56 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-fairlead" .Release.Name | trunc 56 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "fairlead.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{- define "fairlead.selector" -}}
app.kubernetes.io/name: fairlead
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "fairlead.labels" -}}
{{ include "fairlead.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* What the schema cannot see, as it looks at each value by itself. */}}
{{- define "fairlead.check" -}}
{{- if and .Values.tls.clientCa (not .Values.tls.secretName) -}}
{{- fail "tls.clientCa needs tls.secretName: in plaintext no client is asked for a certificate" -}}
{{- end -}}
{{- if eq (int .Values.ports.rpc) (int .Values.ports.admin) -}}
{{- fail (printf "ports.rpc and ports.admin are both %d" (int .Values.ports.rpc)) -}}
{{- end -}}
{{- $resources := .Values.resources | default dict -}}
{{- with .Values.autoscaling -}}
{{- if .enabled -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail (printf "autoscaling.minReplicas, %d, is more than autoscaling.maxReplicas, %d" (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- $cpu := dig "requests" "cpu" "" $resources | toString -}}
{{- if not $cpu -}}
{{- fail "autoscaling needs resources.requests.cpu: autoscaling.cpuPercent is a part of it" -}}
{{- end -}}
{{- $millis := ternary (trimSuffix "m" $cpu | float64) (mulf (float64 $cpu) 1000) (hasSuffix "m" $cpu) -}}
{{- $wanted := divf (mulf $millis .cpuPercent) 100 | int64 -}}
{{- if ge $wanted 1000 -}}
{{- fail (printf "autoscaling.cpuPercent, %d, of resources.requests.cpu, %s, are %dm: one process uses one core, so that no gateway would ever be added" (int .cpuPercent) $cpu $wanted) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $limit := dig "limits" "memory" "" $resources | toString -}}
{{- if regexMatch "^[0-9]+[MG]i$" $limit -}}
{{- $mebibytes := mul (regexFind "^[0-9]+" $limit | int64) (ternary 1024 1 (hasSuffix "Gi" $limit)) -}}
{{- $bodies := div (int64 (dig "maxBufferedBytes" 268435456 (.Values.limits | default dict))) 1048576 -}}
{{- if le $mebibytes (add (int64 .Values.heapMiB) $bodies) -}}
{{- fail (printf "resources.limits.memory, %s, has no room for heapMiB, %d, and limits.maxBufferedBytes, %d MiB" $limit (int64 .Values.heapMiB) $bodies) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* fairlead.yaml. Empty fields are left out: the gateway refuses a field without a value. */}}
{{- define "fairlead.config" -}}
{{- include "fairlead.check" . -}}
{{- $names := list -}}
{{- range .Values.backends -}}
{{- if has .name $names -}}{{- fail (printf "backends: the name %q stands twice" .name) -}}{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- range $i, $route := .Values.routes -}}
{{- range $route.backendRefs -}}
{{- if not (has .name $names) -}}
{{- fail (printf "routes[%d]: the backend %q is not among backends: %s" $i .name (join ", " $names)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $listener := dict "name" "rpc" "address" .Values.listenAddress "port" (int .Values.ports.rpc) -}}
{{- if .Values.tls.secretName -}}
{{- $tls := dict "certFile" "/etc/fairlead-tls/tls.crt" "keyFile" "/etc/fairlead-tls/tls.key" -}}
{{- if .Values.tls.clientCa -}}{{- $_ := set $tls "clientCaFile" "/etc/fairlead-tls/ca.crt" -}}{{- end -}}
{{- $_ := set $listener "tls" $tls -}}
{{- end -}}
{{- with .Values.maxConnectionAge -}}{{- $_ := set $listener "maxConnectionAge" . -}}{{- end -}}
{{- if .Values.cors -}}{{- $_ := set $listener "cors" .Values.cors -}}{{- end -}}
{{- $config := dict "listeners" (list $listener) "backends" .Values.backends -}}
{{- $_ := set $config "admin" (dict "address" .Values.listenAddress "port" (int .Values.ports.admin)) -}}
{{- $_ := set $config "drain" (dict "delay" (printf "%ds" (int .Values.drain.delaySeconds)) "timeout" (printf "%ds" (int .Values.drain.timeoutSeconds))) -}}
{{- range $field := list "routes" "limits" "log" -}}
{{- with index $.Values $field -}}{{- $_ := set $config $field . -}}{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "fairlead.graceSeconds" -}}
{{- with .Values.drain -}}
{{- add (int .preStopSeconds) (int .delaySeconds) (int .timeoutSeconds) (int .marginSeconds) -}}
{{- end -}}
{{- end -}}

{{/*
The ports of the pods, when every target is a Service of this cluster with a port: dns:///cart:1, dns:///cart.shop:1 or
dns:///cart.shop.svc.cluster.local:1. Else empty: nothing is known of where they are.
*/}}
{{- define "fairlead.podPorts" -}}
{{- $ports := list -}}
{{- $known := true -}}
{{- range .Values.backends -}}
{{- if regexMatch "^dns:///([a-z0-9-]+(\\.[a-z0-9-]+)?|[a-z0-9-]+\\.[a-z0-9-]+\\.svc(\\.[a-z0-9.-]+)?):[0-9]+$" .target -}}
{{- $ports = append $ports (regexFind "[0-9]+$" .target) -}}
{{- else -}}
{{- $known = false -}}
{{- end -}}
{{- end -}}
{{- if $known -}}{{- join " " ($ports | uniq | sortAlpha) -}}{{- end -}}
{{- end -}}
