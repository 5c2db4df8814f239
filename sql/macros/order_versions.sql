{#-
    The versions of a member of the orders (a customer, a product), of type 2: common table expressions that end in
    `members(member, <attributes>, valid_from, valid_to, is_missing)`.

    An order says what its customer and its products were on its day, so the versions follow the days of the orders,
    whenever the lines arrive: an order that comes late puts a version into the past, and a correction changes the one
    of its day. Where the lines of a day contradict each other, the one that speaks is of the greatest order, of its
    lines the one that was updated last (never counts as first), of these the greatest. Which members a changed line
    spoke of before is told by the change log.
-#}
{% macro order_versions(member, attributes) %}
touched as (
    select distinct log.{{ member }} as member
    from {{ changed(source('raw', 'order_lines'), ['order_number', 'line_number']) }} as line
    inner join {{ source('history', 'order_lines') }} as log
        on log.order_number = line.order_number and log.line_number = line.line_number
    where log.{{ member }} is not null
),

log as (
    select distinct on ({{ member }}, ordered_at::date)
        {{ member }} as member,
        {{ member }} as document,
        {{ ordered_on('ordered_at') }} as changed_at,
        false as deleted,
        {{ attributes | join(', ') }}
    from {{ source('raw', 'order_lines') }}
    where not _deleted and ordered_at is not null and {{ member }} in (select member from touched)
    order by
        {{ member }}, ordered_at::date, order_number desc, updated_at desc nulls last, object_time desc, line_number desc
),

{{ versions(attributes) }},

members as (
    select
        touched.member,
        versions.member is null as is_missing,
        {% for attribute in attributes -%}
        versions.{{ attribute }},
        {% endfor -%}
        coalesce(versions.valid_from, timestamptz '{{ var("beginning") }}') as valid_from,
        versions.valid_to
    from touched
    left join versions on versions.member = touched.member
)
{% endmacro %}

{#- The beginning of an order's day, in the zone of the business. -#}
{% macro ordered_on(moment) -%}
    ({{ moment }}::date::timestamp at time zone '{{ var("timezone") }}')
{%- endmacro %}
