{#- Deterministic keys. Key 0 is the Unknown member of every dimension. -#}

{#- A positive 63-bit number from the MD5 of the parts; the primary key guards against a collision. -#}
{% macro surrogate_key(parts) -%}
    (('x' || left(md5(jsonb_build_array({{ parts | join(', ') }})::text), 16))::bit(64)::bigint & 9223372036854775807)
{%- endmacro %}

{#- A name with single blanks and none around it; NULL when nothing is left. -#}
{% macro clean_text(name) -%}
    nullif(btrim(regexp_replace({{ name }}, '\s+', ' ', 'g')), '')
{%- endmacro %}

{#- The key of a country or category by its name, whatever its case and blanks; 0 without a name. -#}
{% macro name_key(name) -%}
    case
        when coalesce(lower({{ clean_text(name) }}), 'unknown') = 'unknown' then 0
        else {{ surrogate_key(["lower(" ~ clean_text(name) ~ ")"]) }}
    end
{%- endmacro %}

{#- 20210331 for 2021-03-31. -#}
{% macro date_key(date) -%}
    (extract(year from {{ date }}) * 10000 + extract(month from {{ date }}) * 100 + extract(day from {{ date }}))::integer
{%- endmacro %}

{#- When a version became valid, independent of the session's time zone. -#}
{% macro version_key(member, valid_from) -%}
    {{ surrogate_key([member, "extract(epoch from " ~ valid_from ~ ")"]) }}
{%- endmacro %}
