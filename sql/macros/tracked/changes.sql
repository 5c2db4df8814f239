{#- What changed in a model's inputs since its last build. -#}

{#- Stands for the model's watermark in its SQL; put in by the materialization, so that the SQL of a model and its
    fingerprint do not depend on what was built when. -#}
{% macro since() -%}
    {{ return(':since') }}
{%- endmacro %}

{#- The rows of a table that changed since the model's last build, as a table of these columns, to be joined with
    others. `batch` is another column that holds a batch, as one of `stamps`. -#}
{% macro changed(relation, columns, batch='_batch') -%}
    (select {{ columns | join(', ') }} from {{ relation }} where {{ batch }} > {{ since() }})
{%- endmacro %}

{#- The model's SQL for a watermark. What is `changed` is copied first and the copy analyzed: of rows that came after
    the server's last look at their table it would expect next to none, and join them row by row. -#}
{% macro tracked_since(sql, watermark) %}
    {%- set written = namespace(sql=sql, copies=[]) -%}
    {%- set pattern = '\\(select ([^()]+) from ((?:"[^"]+"\\.)+"[^"]+") where (\\w+) > ' ~ since() ~ '\\)' -%}
    {%- set found = modules.re.findall(pattern, sql) | unique | list -%}
    {%- if found and watermark >= 0 -%}
        {%- set newer = tracked_newer(found | map(attribute=1) | unique | list, watermark) -%}
        {%- for columns, relation, batch in found -%}
            {%- set asked = '(select ' ~ columns ~ ' from ' ~ relation ~ ' where ' ~ batch ~ ' > ' ~ since() ~ ')' -%}
            {%- if relation in newer -%}
                {%- set copy = adapter.quote(model.name ~ '__changed_' ~ loop.index) -%}
                {%- do written.copies.append('create temporary table ' ~ copy ~ ' on commit drop as ' ~ asked) -%}
                {%- do written.copies.append('analyze pg_temp.' ~ copy) -%}
                {%- set written.sql = written.sql | replace(asked, 'pg_temp.' ~ copy) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if written.copies -%}
            {%- call statement('changed') -%}
                {{ written.copies | join('; ') | replace(since(), watermark | string) }}
            {%- endcall -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(written.sql | replace(since(), watermark | string)) }}
{% endmacro %}

{#- Which of these tables have a later batch. -#}
{% macro tracked_newer(relations, watermark) %}
    {%- set query -%}
        select relation
        from unnest(array['{{ relations | join("', '") }}']) as relation
        where sync.newest_batch(relation::regclass) > {{ watermark }}
    {%- endset -%}
    {{ return(tracked_query(query).columns['relation'].values() | list) }}
{% endmacro %}
