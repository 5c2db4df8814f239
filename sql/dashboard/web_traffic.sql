SELECT
    day,
    SUM(requests - robot_requests) AS requests,
    SUM(robot_requests) AS robot_requests,
    SUM(errors) AS errors,
    ROUND(SUM(phone_share * (requests - robot_requests)), 0) AS phone,
    ROUND(SUM(tablet_share * (requests - robot_requests)), 0) AS tablet,
    ROUND(SUM(computer_share * (requests - robot_requests)), 0) AS computer
FROM bi.web_traffic
WHERE day IS NOT NULL
GROUP BY day
ORDER BY day
